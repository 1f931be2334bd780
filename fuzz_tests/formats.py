"""Every format that comes from outside, with its reader, what that may raise, and how its files are changed."""

import hashlib
import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from fuzz_tests import seeds
from fuzz_tests.harness import Harness
from fuzz_tests.mutations import archive_changed, bytes_changed, json_text, text_changed, value_changed
from legacy.trace import BadInput
from legacy.trace import read as read_legacy
from parity.compare import compare
from parity.errors import LedgerError, ParityError, TraceError
from parity.ledger import read_ledger
from parity.report import summary, write_junit
from parity.report_folder import write_page
from parity.sarif import sarif
from parity.trace import content_sha256, read_request, read_trace, write_trace
from port import training_state
from port.command_options import size_px
from port.errors import RegionError, Sar2NdviError, SceneError, SettingError, WeightsError
from port.regions import Region
from port.scenes import Scene
from port.weights import read_weights


def _placed(content: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _read_trace(content: bytes, folder: Path) -> None:
    """The trace, and all that its manifest is asked for before it is judged."""
    found = read_trace(_placed(content, folder, "trace.npz"))
    _ = (found.graph, found.forced)


def _read_judged(content: bytes, folder: Path) -> None:
    """A trace whose manifest tells this, judged, and its reports; half of the graphs are told by both sides."""
    pair = seeds.pair()
    try:
        told = dict(json.loads(content))
        alike = {name: told[name] for name in ("graph", "dtype", "training") if name in told and len(content) % 2}
        write_trace(folder / "legacy.npz", {**pair.legacy.manifest, **alike}, pair.legacy.arrays)
        if alike:  # else a graph that both sides tell would not be looked at
            told["teacher_sha256"] = read_trace(folder / "legacy.npz").sha256
        write_trace(folder / "port.npz", told, pair.port.arrays)
    except (ValueError, TypeError, RecursionError):  # is no manifest: see "trace"
        return
    sides = read_trace(folder / "legacy.npz"), read_trace(folder / "port.npz")
    comparison = compare(*sides, request=pair.request)
    json.dumps([summary(comparison), sarif({"case": comparison})], allow_nan=False)
    write_junit(folder / "junit.xml", {"case": comparison})


def _read_request(content: bytes, folder: Path) -> None:
    read_request(_placed(content, folder, "request.npz"))


def _read_legacy(content: bytes, folder: Path) -> None:
    """The original's own reader, which runs in its container."""
    read_legacy(str(_placed(content, folder, "request.npz")))


def _read_original(content: bytes, folder: Path) -> None:
    path = _placed(content, folder, "weights.npz")
    read_weights(path, variant=seeds.VARIANT, recipe_name="published").network()


def _read_checkpoint(content: bytes, folder: Path) -> None:
    """The two files, of which the first is preceded by its length."""
    length = int.from_bytes(content[:4], "little")
    _placed(content[4 : 4 + length], folder, "c.json")
    read_weights(_placed(content[4 + length :], folder, "c.safetensors")).network()


def _read_state(content: bytes, folder: Path) -> None:
    training_state.read(_placed(content, folder, "s.safetensors"), seeds.SETTINGS)


def _read_ledger(content: bytes, folder: Path) -> None:
    """The ledger, and what a page tells of it."""
    json.dumps([vars(entry) for entry in read_ledger(_placed(content, folder, "ledger.toml"))], default=dict)


def _read_exhibits(content: bytes, folder: Path) -> None:
    _placed(content, folder, "exhibits.json")
    write_page(folder)


def _read_region(content: bytes, _folder: Path) -> None:
    Region.parse(content.decode("utf-8", "replace"))


def _read_size(content: bytes, _folder: Path) -> None:
    size_px(content.decode("utf-8", "replace"))


def _read_scene(content: bytes, folder: Path) -> None:
    """A scene of which one file, told by the first byte, is other than it was."""
    files = seeds.scene()
    spoilt = sorted(files)[content[0] % len(files)] if content else min(files)
    for name, sound in files.items():
        path = folder / name
        if name == spoilt:
            path.write_bytes(content[1:])
        elif not path.exists() or path.read_bytes() != sound:
            path.write_bytes(sound)
    found = Scene.open(folder)
    found.invalid()
    found.target(found.region)
    found.channels(found.region)
    found.changes(found.region)


def _reseal_trace(members: dict[str, bytes], random: Random) -> None:
    """The manifest, at times changed, with the order and the hash of what is there."""
    try:
        manifest = json.loads(_array(members.pop("manifest.npy")).tobytes())
        arrays = {name.removesuffix(".npy"): _array(content) for name, content in members.items()}
        manifest |= {"order": list(arrays), "content_sha256": content_sha256(arrays)}
    except Exception:  # some member is no array any more: as it is
        return
    if random.random() < 0.6:
        manifest = value_changed(manifest, random)
    file = io.BytesIO()
    np.save(file, np.frombuffer(json_text(manifest, random), np.uint8))
    members["manifest.npy"] = file.getvalue()


def _array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _nothing(_members: dict[str, bytes], _random: Random) -> None:
    """Has no sums but the archive's own."""


def _trace_changed(content: bytes, random: Random) -> bytes:
    return archive_changed(content, random, _reseal_trace)


def _original_changed(content: bytes, random: Random) -> bytes:
    return archive_changed(content, random, _nothing)


def _tensors_changed(content: bytes, random: Random) -> bytes:
    """A safetensors file with another header, of the right length most often, or other bytes."""
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return bytes_changed(content, random)
    if random.random() < 0.3:
        return bytes_changed(content[: 8 + length + 64], random) + content[8 + length + 64 :]
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict) and random.random() < 0.6:
        told = header["__metadata__"]
        try:
            told["state"] = json.dumps(value_changed(json.loads(told["state"]), random))
        except (KeyError, TypeError, ValueError, RecursionError):
            header = value_changed(header, random)
    else:
        header = value_changed(header, random)
    text = json_text(header, random)
    told_length = len(text) if random.random() < 0.9 else random.choice((0, 2**63, 2**64 - 1, len(text) + 1, 10**8))
    return told_length.to_bytes(8, "little") + text + content[8 + length :]


def _checkpoint_changed(content: bytes, random: Random) -> bytes:
    """The description or the tensors changed, with the sum of the tensors in the description put right."""
    length = int.from_bytes(content[:4], "little")
    described, tensors = content[4 : 4 + length], content[4 + length :]
    try:
        told = json.loads(described)
    except (ValueError, RecursionError):
        return bytes_changed(content, random)
    if random.random() < 0.5:
        tensors = _tensors_changed(tensors, random)
    if isinstance(told, dict):
        told["sha256"] = hashlib.sha256(tensors).hexdigest()
    if random.random() < 0.6:
        told = value_changed(told, random)
    described = json_text(told, random)
    return len(described).to_bytes(4, "little") + described + tensors


def _exhibits_changed(content: bytes, random: Random) -> bytes:
    try:
        return json_text(value_changed(json.loads(content), random), random)
    except (ValueError, RecursionError):
        return bytes_changed(content, random)


def _manifest_changed(content: bytes, random: Random) -> bytes:
    """One of a manifest's fields changed, the graph most often."""
    try:
        told = json.loads(content)
        name = random.choice(["graph"] * 9 + list(told))
        return json.dumps(told | {name: value_changed(told[name], random)}).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return content


def _scene_changed(content: bytes, random: Random) -> bytes:
    """One of the files, mostly in the header and directory of tags, which stand at either end."""
    names, files = sorted(seeds.scene()), seeds.scene()
    if len(content) < 2 or random.random() < 0.3:
        place = random.randrange(len(names))
        content = bytes([place]) + files[names[place]]
    middle = random.choice((200, len(content) // 2, len(content)))
    return content[:1] + bytes_changed(content[1:middle], random) + content[middle:]


@cache
def harnesses() -> Mapping[str, Harness]:
    """By name; the share is of the inputs of a campaign, and falls with what a reader takes."""
    scene = seeds.scene()
    files = [bytes([place]) + scene[name] for place, name in enumerate(sorted(scene))][:4]
    every = (  # the slowest first: they end the campaign
        Harness("judgement", _read_judged, (ParityError,), seeds.manifests(), _manifest_changed, 0.12),
        Harness("trace", _read_trace, (TraceError,), seeds.traces(), _trace_changed),
        Harness("request", _read_request, (TraceError,), seeds.requests(), _trace_changed),
        Harness("legacy-request", _read_legacy, (BadInput,), seeds.requests(), _trace_changed),
        Harness(
            "original-weights", _read_original, (WeightsError, SettingError), seeds.originals(), _original_changed, 0.5
        ),
        Harness(
            "checkpoint",
            _read_checkpoint,
            (WeightsError, SettingError),
            seeds.checkpoint_pairs(),
            _checkpoint_changed,
            0.5,
        ),
        Harness("training-state", _read_state, (WeightsError, SettingError), seeds.states(), _tensors_changed),
        Harness("ledger", _read_ledger, (LedgerError,), seeds.ledgers()[:1], text_changed),
        Harness("exhibits", _read_exhibits, (ParityError,), seeds.exhibits(), _exhibits_changed, 0.2),
        Harness("region", _read_region, (RegionError,), seeds.REGIONS, text_changed, 2.0),
        Harness("size", _read_size, (SettingError,), seeds.SIZES, text_changed, 2.0),
        Harness("scene", _read_scene, (SceneError, Sar2NdviError), files, _scene_changed, 0.1),
    )
    return {harness.name: harness for harness in every}
