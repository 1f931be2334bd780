"""A mutation makes another file of a sound one: of its bytes, or of what they mean, with its sums put right again.

Bytes alone seldom get past a checksum. So an archive is taken apart, one member changed, and packed again with the
right sums; so is a header of JSON.
"""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
    2**64,
    -(2**63),
    10**30,
)
TEXTS = (
    "",
    "x",
    "../../x",
    "/etc/passwd",
    "a\0b",
    "</script>",
    "\u2028",
    "\ud800",
    "\x1b[2J",
    "é" * 50,
    "A" * 5000,
    "NaN",
    "inf",
)
NAMES = (
    "../../x.npy",
    "/tmp/x.npy",
    "x",
    "",
    "manifest.npy",
    "a\0.npy",
    "n" * 3000 + ".npy",
    "\x1b[2J.npy",
    "conv1/W.npy",
)
HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (-1, 2), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<U9', 'fortran_order': False, 'shape': (), }",
    "{'descr': '<f2', 'fortran_order': 1, 'shape': (3L,), }",
    "(" * 300,
    "-" * 3000 + "1",
    "[" * 100 + "]" * 100,
)


def bytes_changed(content: bytes, random: Random) -> bytes:
    """A few bytes flipped, cut out, doubled, or put in."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(changed) + 1)
        match random.randrange(6):
            case 0 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 1 if place < len(changed):
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del changed[place:]
            case 3:
                del changed[place : place + random.randint(1, 64)]
            case 4:
                changed[place:place] = changed[place : place + random.randint(1, 64)]
            case _:
                size = random.choice((1, 2, 4, 8))
                number = random.choice(NUMBERS) % (1 << 8 * size)
                changed[place : place + size] = number.to_bytes(size, random.choice(("little", "big")))
    return bytes(changed)


def text_changed(content: bytes, random: Random) -> bytes:
    """Words of a text exchanged for each other, for odd ones, or nested."""
    words = content.decode("utf-8", "surrogateescape").split(" ")
    place = random.randrange(len(words))
    match random.randrange(6):
        case 0:
            words[place] = random.choice(words)
        case 1:
            words[place] = random.choice(TEXTS)
        case 2:
            words[place] = str(random.choice(NUMBERS))
        case 3:
            words[place] = random.choice("[{") * random.choice((5, 100, 3000))
        case 4:
            words[place] = words[place] * 2
        case _:
            return bytes_changed(content, random)
    return " ".join(words).encode("utf-8", "surrogateescape" if "\ud800" not in words[place] else "surrogatepass")


def value_changed(value: Any, random: Random) -> Any:
    """A value of JSON with one part of it exchanged, taken away, doubled or nested."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        if random.random() < 0.15:
            return {key: part for key, part in value.items() if key != name}
        return value | {name: value_changed(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        return [*value[:place], value_changed(value[place], random), *value[place + random.randrange(2) :]]
    nested: Any = 1
    for _ in range(random.choice((1, 70, 900))):
        nested = [nested] if random.random() < 0.5 else {"a": nested}
    odd = (
        random.choice(NUMBERS),
        random.choice(TEXTS),
        None,
        True,
        -0.5,
        1e308,
        float("nan"),
        float("inf"),
        [],
        {},
        nested,
    )
    return random.choice(odd)


def json_text(value: Any, random: Random) -> bytes:
    """Its JSON, at times with a key that stands twice, or bytes changed."""
    text = json.dumps(value)
    if random.random() < 0.05 and text.startswith("{"):
        text = '{"format": 1, "format": 2, ' + text[1:]
    encoded = text.encode()
    return bytes_changed(encoded, random) if random.random() < 0.1 else encoded


def archive_changed(content: bytes, random: Random, reseal: Callable[[dict[str, bytes], Random], None]) -> bytes:
    """An archive with one member changed and, most often, its sums put right by `reseal`; or with its bytes changed."""
    if random.random() < 0.25:
        return bytes_changed(content, random)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > 1 << 20:
                return bytes_changed(content, random)
            members = {member.filename: archive.read(member) for member in archive.infolist()}
    except Exception:  # it is no archive any more
        return bytes_changed(content, random)
    if members:
        _change_member(members, random)
    if random.random() < 0.8:
        reseal(members, random)
    return _packed(members, random)


def _change_member(members: dict[str, bytes], random: Random) -> None:
    """Another header, other bytes, another name, no member, or a bomb."""
    name = random.choice(list(members))
    match random.randrange(7):
        case 0:
            members[name] = npy(random.choice(HEADERS), members[name][-16:])
        case 1 | 2:
            members[name] = bytes_changed(members[name], random)
        case 3:
            members[random.choice(NAMES)] = members.pop(name)
        case 4:
            del members[name]
        case 5:
            members[name] = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999,), }", bytes(99999))
        case _:
            pass


def npy(header: str, content: bytes) -> bytes:
    """The bytes of a `.npy` with a header of one's own."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) % 65536) + text + content


def _packed(members: dict[str, bytes], random: Random) -> bytes:
    """An archive, stored or deflated, at times with a directory that is not so, or a member that is a link."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name or "x", (1980, 1, 1, 0, 0, 0))
            info.compress_type = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            if random.random() < 0.05:
                info.external_attr = 0o120777 << 16  # a symbolic link
            if random.random() < 0.02:
                info.compress_type = random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            archive.writestr(info, content)
    packed = bytearray(file.getvalue())
    place = packed.rfind(b"PK\x01\x02")
    if place >= 0 and random.random() < 0.1:
        at = place + random.choice((8, 10, 16, 20, 24, 28, 30, 42))  # flags, method, sum, sizes, lengths, where it lies
        packed[at : at + 4] = (random.choice(NUMBERS) % 2**32).to_bytes(4, "little")
    return bytes(packed)
