"""Sound runs ask every kind of request, and equivalent ports compute the same; what is planted is taken out again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from parity.trace import read_request
from parity_tests.equivalent_ports import EQUIVALENT
from parity_tests.probes import CHANNELS, DTYPES
from parity_tests.sound_runs import NETWORKS, OUTPUTS, _chunks, _write
from port.network import FusionCNN, Layer

PLANTED = sorted(EQUIVALENT.keys() - {"compiled"})
"""Those that take no compiler; that one is judged with the others in a run."""


def test_every_variant_is_asked_in_either_dtype_and_with_either_output() -> None:
    """Sixteen networks."""
    for told in (("variant", "dtype"), ("variant", "output")):
        seen = {tuple(getattr(network, name) for name in told) for network in NETWORKS}
        assert len(seen) == len(CHANNELS) * 2
    assert {network.dtype for network in NETWORKS} == set(DTYPES)
    assert {network.output for network in NETWORKS} == set(OUTPUTS)


@pytest.mark.parametrize("count", [1, 16, 50])
def test_so_many_requests_are_made(count: int) -> None:
    """Each number once."""
    assert sorted(number for _, numbers in _chunks(count) for number in numbers) == list(range(count))


def test_request_follows_from_its_number(tmp_path: Path) -> None:
    """The same number gives the same bytes; other numbers give other sizes, batches and steps."""
    paths = [tmp_path / f"{index}.npz" for index in range(9)]
    for index, path in enumerate(paths):
        _write(NETWORKS[0], index, path)
    _write(NETWORKS[0], 3, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == paths[3].read_bytes()
    requests = [read_request(path) for path in paths]
    sides = {request["patches/raw"].shape[2:] for request in requests}
    assert len(sides) > 4
    assert any(rows != cols for rows, cols in sides)
    assert {request.manifest["training"]["batch_size"] for request in requests} == {1, 2, 3, 4}


@pytest.mark.parametrize("name", PLANTED)
def test_equivalent_port_computes_the_same(name: str) -> None:
    """Output and gradient are those of the plain network to 1e-12; after it the same bits come out as before."""
    torch.manual_seed(4)
    network = FusionCNN(2, layers=(Layer(3, 3), Layer(1, 3))).double()
    images = torch.randn(2, 2, 9, 8, dtype=torch.float64)

    def run() -> np.ndarray:
        network.zero_grad()
        output = network(images)
        output.abs().mean().backward()
        gradients = [parameter.grad.flatten() for parameter in network.parameters()]
        return torch.cat([output.detach().flatten(), *gradients]).numpy()

    before, threads = run(), torch.get_num_threads()
    with EQUIVALENT[name]():
        planted = run()
    assert np.abs(planted - before).max() <= 1e-12 * np.abs(before).max()
    assert np.array_equal(run(), before)
    assert torch.get_num_threads() == threads
