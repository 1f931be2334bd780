"""What Theano compiles in a container goes with the next exchange: each library once, as plain files, by program."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.errors import WitnessError
from parity.witness_container import ContainerWitness


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("SAR2NDVI_CACHE", str(tmp_path / "cache"))


def compile_module(exchange: Path, folder: str, name: str) -> Path:
    """What Theano leaves in an exchange: a folder of any name, in it a library named after its source."""
    module = exchange / "compiled" / "compiledir_Linux" / folder
    module.mkdir(parents=True)
    for file in ("mod.cpp", "key.pkl", f"{name}.so"):
        (module / file).write_text(folder, encoding="utf-8")
    return module


def libraries(exchange: Path) -> dict[str, str]:
    """The libraries that an exchange brings, and what is in them."""
    return {file.name: file.read_text(encoding="utf-8") for file in exchange.glob("compiled/compiledir_Linux/*/*.so")}


def test_what_was_compiled_comes_with_the_next_exchange() -> None:
    """What two at the same time compiled, each once; changing a copy changes nothing of what is kept."""
    witness = ContainerWitness()
    with witness._exchange() as first, witness._exchange() as second:
        compile_module(first, "tmp1", "m1")
        compile_module(first, "tmp2", "m2")
        compile_module(second, "tmp3", "m2")
        compile_module(second, "tmp4", "m4")
        assert libraries(first).keys().isdisjoint({"m4.so"})
    assert not first.exists()
    kept = {"m1.so": "tmp1", "m2.so": "tmp3", "m4.so": "tmp4"}
    for _ in range(2):
        with witness._exchange() as exchange:
            assert libraries(exchange) == kept
            for file in exchange.glob("compiled/*/*/*.so"):
                file.write_text("spoilt", encoding="utf-8")


def test_what_a_failed_witness_compiled_is_not_kept() -> None:
    """A library may be half written."""
    witness = ContainerWitness()

    def fail() -> None:
        with witness._exchange() as exchange:
            compile_module(exchange, "tmp1", "m1")
            raise WitnessError("killed")

    with pytest.raises(WitnessError, match="killed"):
        fail()
    with witness._exchange() as exchange:
        assert libraries(exchange) == {}


def link(place: Path, elsewhere: Path) -> None:
    """A link in the place of a folder."""
    shutil.rmtree(place)
    place.symlink_to(elsewhere)


HOSTILE: dict[str, tuple[Callable[[Path, Path], object], set[str]]] = {
    "a link to a file": (lambda module, _: (module / "passwords").symlink_to("/etc/passwd"), {"m1.so"}),
    "a pipe": (lambda module, _: os.mkfifo(module / "pipe"), {"m1.so"}),
    "a link to a module": (lambda module, elsewhere: link(module, elsewhere), {"m1.so"}),
    "a link to all": (lambda module, elsewhere: link(module.parents[1], elsewhere.parents[1]), set()),
    "nothing": (lambda module, _: shutil.rmtree(module.parents[1]), set()),
}
"""What a witness may leave where a module should be, or all modules; and what is kept."""


@pytest.mark.parametrize("leaves", HOSTILE)
def test_nothing_but_files_is_kept(leaves: str, tmp_path: Path) -> None:
    """A module with anything else in it is left out, the others are kept; what a link leads to stays where it is."""
    leave, kept = HOSTILE[leaves]
    elsewhere = compile_module(tmp_path / "elsewhere", "tmp0", "m0")
    witness = ContainerWitness()
    with witness._exchange() as exchange:
        compile_module(exchange, "tmp1", "m1")
        leave(compile_module(exchange, "tmp2", "m2"), elsewhere)
    with witness._exchange() as exchange:
        assert libraries(exchange).keys() == kept
    assert (elsewhere / "m0.so").exists()


def test_compiled_code_of_one_program_runs_in_no_other_s_name(tmp_path: Path) -> None:
    """What a program leaves among its compiled code is not another's."""
    (tmp_path / "one.py").write_text("1", encoding="utf-8")
    (tmp_path / "other.py").write_text("2", encoding="utf-8")
    programs = (None, tmp_path / "one.py", tmp_path / "other.py")
    for each in programs:
        with ContainerWitness(program=each)._exchange() as exchange:
            assert libraries(exchange) == {}
            compile_module(exchange, "tmp1", "m1")
