"""A witness in a container has no network, no rights and little room: a program tries, in its place, and tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from parity.archive import SIZE_LIMIT_BYTES
from parity.witness_container import WITNESS_UID, ContainerWitness, working_engine
from parity.witness_live import MEMORY_MB

PROBE = Path(__file__).parent / "confinement" / "probe.py"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the probe says from within."""
    witness = ContainerWitness(engine=working_engine(), program=PROBE)
    witness.prepare()
    asked = [*witness._module(), "/exchange/request.npz", "/exchange/trace.npz"]
    with witness._exchange() as exchange:
        lines = witness._launch(asked, exchange, what="the probe", timeout_s=120.0)
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def test_it_is_an_ordinary_user(found: dict[str, Any]) -> None:
    """Not root, and no way to become it: no capability, none to be gained."""
    assert found["uid"] >= WITNESS_UID
    assert found["root"] == "EPERM"
    assert found["device"] == "EPERM"
    assert {int(found["status"][name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert found["status"]["NoNewPrivs"] == "1"


def test_it_writes_to_one_folder_alone(found: dict[str, Any]) -> None:
    """The exchange, and what is gone with it; neither the image nor the code it runs."""
    assert found["written"] == ["/exchange", "/tmp"]
    assert found["own_code"] in ("EACCES", "EROFS")


def test_it_reaches_nobody(found: dict[str, Any]) -> None:
    """There is no interface but its own loop, no route, no name."""
    assert found["interfaces"] == ["lo"]
    assert found["outside"] == "ENETUNREACH"
    assert found["name"] == "gaierror"


def test_it_is_bounded(found: dict[str, Any]) -> None:
    """Its files, processes and memory; the last two also by the engine, where that can."""
    assert found["large"] == "EFBIG"
    assert found["core"] == 0
    assert found["address_space_mb"] == MEMORY_MB
    able = ContainerWitness(engine=working_engine())._able
    if "memory" in able:
        assert found["memory"] in (str(MEMORY_MB << 20), "not told")
    if "pids" in able:
        assert found["many"] == "EAGAIN"
    assert SIZE_LIMIT_BYTES < 5 << 30, "the probe's large file is larger than allowed"
