"""Which branches and bands a probe reached: a branch never reached, a band like another, proves nothing."""

from collections.abc import Mapping

import numpy as np

from parity.coverage_bands import BANDS, CONVOLUTIONS, bands, kernels, separating
from parity.data_operations import covered_pixels, patch_grid
from parity.findings import Check, Finding, Verdict
from parity.graph import Node
from parity.layer_operations import ignored, winners
from parity.steps import BATCHES, VALIDATION, rows_used
from parity.trace import Record
from parity.training import Training

Branches = Mapping[str, int]
IMAGES = 4
"""The axes of a list of images: patch, channel, row, col."""


def branches(trace: Record) -> dict[str, dict[str, int]]:
    """For each stage with branches, how many elements took each.

    A rectifier has negative and positive pre-activations; its gradient also those exactly 0 that a gradient reaches;
    the absolute error falls on either side of 0 or, where its gradient is used, is a tie; each class is some image's
    that a step uses; training that is told leaves losses and last weights to be judged; a patch is kept, ends with
    the raster, or is refused by one mask alone or one of its edges alone; a shuffled list is longer than what is taken
    of it; a mask leaves pixels out; a pool that is told to ignore its border has one; windows have one maximum or
    several; a patch list may leave an incomplete last batch. Besides these there are the mistakes in bands, kernels and
    biases that the probe would show (`parity.coverage_bands`), and, where a list has any, the images built to separate
    hypotheses. What is empty proves nothing anyway, and is left out here.
    """
    differentiated = {node.inputs for node in trace.graph if node.operation == "mean_absolute_error_gradient"}
    parameters = {name for node in trace.graph if node.operation in CONVOLUTIONS for name in node.inputs[1:]}
    found: dict[str, dict[str, int]] = {}
    for node in trace.graph:
        inputs = [trace[name] for name in node.inputs]
        match node.operation:
            case "rectify":
                found[node.stage] = _signs(inputs[0], "negative", "positive")
            case "rectify_gradient":
                found[node.stage] = {"zero with a gradient": int(((inputs[0] == 0) & (inputs[1] != 0)).sum())}
            case "mean_absolute_error":
                difference = inputs[0].astype(np.float64) - inputs[1]
                found[node.stage] = _signs(difference, "below", "above")
                if node.inputs in differentiated:
                    found[node.stage]["tie"] = int((difference == 0).sum())
            case "categorical_cross_entropy":
                found[node.stage] = _classes(node, trace)
            case "max_pool" | "mean_pool" if node.attributes.get("ignore_border"):
                found[node.stage] = {"pixels of the border ignored": int(ignored(inputs[0], **node.attributes).sum())}
            case "max_pool_gradient":
                found[node.stage] = _ties(node, inputs)
            case "clear_patches":
                found[node.stage] = _refusals(node, inputs)
            case "shuffle" if ends := _ends(node.stage, trace):
                found[node.stage] = {"left over": max(0, len(trace[node.stage]) - max(ends))}
            case "masked":
                kept = int((inputs[1] != 0).sum())
                found[node.stage] = {"kept": kept, "left out": inputs[1].size - kept}
            case "given" if node.stage not in parameters and trace[node.stage].ndim == IMAGES:
                found[node.stage] = separating(trace[node.stage])
            case operation if operation in (*BANDS, *CONVOLUTIONS) and trace[node.stage].size:
                found[node.stage] = bands(node, trace) | kernels(node, trace)
    return {stage: counts for stage, counts in found.items() if counts} | _batches(trace)


def _classes(node: Node, trace: Record) -> dict[str, int]:
    """Images of each class among the labels that the steps use, or, of labels that are in no list, among all."""
    probabilities, labels = (trace[name] for name in node.inputs)
    source = trace.graph[node.inputs[1]]
    if source.operation in BATCHES and trace.manifest.get("training"):
        training = Training.from_manifest(trace.manifest, where=str(trace.path))
        labels = trace[source.inputs[0]][rows_used(trace.graph, trace.arrays, training)]
    return {f"label {label}": int((labels == label).sum()) for label in range(probabilities.shape[1])}


def _ties(node: Node, inputs: list[np.ndarray]) -> dict[str, int]:
    """Windows with one maximum, and with several, that a gradient reaches."""
    every = {**node.attributes, "ties": "all"}
    tied = winners(inputs[0], **every).sum(axis=(4, 5)) > 1
    reached = inputs[1] != 0
    return {"one maximum": int((reached & ~tied).sum()), "tied maxima": int((reached & tied).sum())}


def _refusals(node: Node, masks: list[np.ndarray]) -> dict[str, int]:
    """Patches on the grid that are kept, and those that just one of the masks, or just one edge of theirs, refuses.

    Of those kept also how many end with the raster's last row, and with its last column.
    """
    rows, cols = patch_grid(masks[0], **node.attributes)
    side = node.attributes["side"]
    refused = np.stack([covered_pixels(mask, rows, cols, (side, side)) > 0 for mask in masks])
    refusing = refused.sum(axis=0)
    alone, kept = refused & (refusing == 1), refusing == 0
    last_row, last_col = (places + side == length for places, length in zip((rows, cols), masks[0].shape, strict=True))
    return {
        "kept": int(kept.sum()),
        "kept in the last row": int(kept[last_row].sum()),
        "kept in the last column": int(kept[:, last_col].sum()),
        **{f"only {name}": int(one.sum()) for name, one in zip(node.inputs, alone, strict=True)},
        **_edges(np.any(masks, axis=0), rows, cols, side),
    }


def _edges(mask: np.ndarray, rows: np.ndarray, cols: np.ndarray, side: int) -> dict[str, int]:
    """Patches with pixels that are not 0, all of them in one edge."""
    edges = {
        "first row": (rows, cols, (1, side)),
        "last row": (rows + side - 1, cols, (1, side)),
        "first column": (rows, cols, (side, 1)),
        "last column": (rows, cols + side - 1, (side, 1)),
    }
    covered = covered_pixels(mask, rows, cols, (side, side))
    found = {name: covered_pixels(mask, *edge) for name, edge in edges.items()}
    return {f"only its {name}": int(((covered > 0) & (one == covered)).sum()) for name, one in found.items()}


def _ends(stage: str, trace: Record) -> list[int]:
    """Where the parts end that are taken of a list."""
    return [node.attributes["stop"] for node in trace.graph if node.operation == "rows" and node.inputs == (stage,)]


def _batches(trace: Record) -> dict[str, dict[str, int]]:
    """What is told of the training, and how the lists of patches go into its batches."""
    training = trace.manifest.get("training") or {}
    found: dict[str, dict[str, int]] = {}
    listed = "patches/raw" if "patches/raw" in trace.arrays else _given_list(trace)
    if training:
        counts = _told(trace, training["steps"])
        if listed:
            counts["incomplete last batch"] = len(trace[listed]) % training["batch_size"]
            counts["second pass over the list"] = max(0, training["steps"] - training["batches"])
        found["loss/curve" if "loss/curve" in trace.graph.stages else "training"] = counts
    for node in trace.graph:
        if node.operation == "trajectory" and node.attributes["of"] == "validation":
            left = len(trace[VALIDATION["patches/raw"]]) % training["batch_size"]
            found[node.stage] = {"incomplete last batch": left}
    return found


def _told(trace: Record, steps: int) -> dict[str, int]:
    """What there is of the training to be judged: without its losses and its last weights any training would pass."""
    told = [node.attributes for node in trace.graph if node.operation == "trajectory"]
    last = [each["of"] for each in told if each.get("step") == steps]
    return {
        "losses told": sum(each["of"] == "loss" for each in told),
        "weights told after the last step": sum(of.startswith("weight/") for of in last),
    }


def _given_list(trace: Record) -> str:
    """The first list that is given and of which a batch is taken; empty where there is none."""
    given = {node.stage for node in trace.graph if node.operation == "given"}
    return next((node.inputs[0] for node in trace.graph if node.operation == "rows" and node.inputs[0] in given), "")


def _signs(values: np.ndarray, below: str, above: str) -> dict[str, int]:
    return {below: int((values < 0).sum()), above: int((values > 0).sum())}


def check_coverage(reached: Mapping[str, Branches]) -> list[Finding]:
    """One finding a stage with branches: NOT EXERCISED unless each branch was reached."""
    return [_finding(stage, counts) for stage, counts in reached.items()]


def _finding(stage: str, counts: Branches) -> Finding:
    missed = [branch for branch, count in counts.items() if not count]
    told = ", ".join(f"{branch} {count}" for branch, count in counts.items())
    verdict = Verdict.NOT_EXERCISED if missed else Verdict.PASS
    return Finding(stage, Check.COVERAGE, verdict, f"{stage}: {told}" + (f"; never {missed[0]}" if missed else ""))
