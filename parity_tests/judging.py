"""What the judge does in processes of its own: nothing of the product is imported here."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from parity.certificate import Certificate, certify
from parity.compare import Comparison, compare
from parity.findings import Finding
from parity.judgement import Files
from parity.ledger import Deviation
from parity.ledger_proof import prove_off
from parity.probe import write_probe
from parity.trace import read_request, read_trace
from parity.trajectories import true_trajectory


def keep_truth(legacy: Path, truth: Path) -> None:
    """Write the float64 steps of a trace's request, which depend on the request alone; whole or not at all."""
    beside = truth.with_name(f"{os.getpid()}-{truth.name}")
    np.savez(beside, **true_trajectory(read_trace(legacy)))
    beside.replace(truth)


def kept_truth(truth: Path) -> Mapping[str, np.ndarray]:
    """What `keep_truth` wrote."""
    with np.load(truth, allow_pickle=False) as kept:
        return dict(kept)


def compare_files(files: Files, truth: Path, same_side: bool) -> Comparison:
    """Judge one side by the other; float32 records fewer steps than the truth may tell."""
    legacy, port, request = read_trace(files.legacy), read_trace(files.port), read_request(files.request)
    return compare(legacy, port, request=request, truth=kept_truth(truth), same_side=same_side)


def prove_entry(entry: Deviation, legacy: Path, port: Path, truth: Path) -> list[Finding]:
    """The second proof of an entry of the ledger: the port as itself, in one thing, against the original."""
    return prove_off(entry, read_trace(legacy), read_trace(port), truth=kept_truth(truth))


def ask_for_weights(legacy: Path, probe: Files) -> None:
    """Write the request and the teacher that show how a port lays down the weights of a trace."""
    write_probe(read_trace(legacy), probe)


def certify_weights(legacy: Path, probe: Files) -> Certificate:
    """What the port's answer shows of the weights of a trace."""
    return certify(read_trace(legacy), probe)
