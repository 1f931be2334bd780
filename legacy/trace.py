"""A trace or request on disk: named arrays in order and a JSON manifest, in one `.npz` without pickle.

Written with ``numpy.lib.format`` and ``zipfile`` only, so that numpy 1.13 under Python 2.7 keeps the order of entries.
"""
from __future__ import division

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import OrderedDict

import numpy as np

from legacy.compat import replace, text

MANIFEST = "manifest"
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's first date: equal arrays make equal bytes


class BadInput(Exception):
    """A request that cannot be recorded: says what, where, both values and what to do."""


def read(path):
    """Return (manifest, OrderedDict of arrays, sha256 of the file's bytes) of the `.npz` at ``path``.

    Raises BadInput for a file that is missing, no archive, holds a pickle, repeats a name, has no manifest or another content than it tells.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
        arrays = OrderedDict()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                stage = text(name)[:-4] if name.endswith(".npy") else text(name)
                if stage in arrays:
                    raise ValueError("the entry %s stands in it twice" % stage)
                arrays[stage] = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
        if MANIFEST not in arrays:
            raise ValueError("it has no entry '%s'" % MANIFEST)
        manifest = json.loads(arrays.pop(MANIFEST).tobytes().decode("utf-8"))
    except (EnvironmentError, EOFError, ValueError, RuntimeError, zipfile.BadZipfile, zlib.error) as error:
        raise BadInput("%s cannot be read as a request: %s. Write it again." % (path, error))
    if not isinstance(manifest, dict):
        raise BadInput("%s: its manifest is a %s, expected an object." % (path, type(manifest).__name__))
    actual = content_sha256(arrays)
    if manifest.get("content_sha256", actual) != actual:
        raise BadInput("%s: its content has sha256 %s, its manifest says %s. Write it again."
                       % (path, actual, manifest["content_sha256"]))
    return manifest, arrays, hashlib.sha256(content).hexdigest()


def write(path, manifest, arrays):
    """Write ``arrays`` in their order, then the manifest, beside ``path``, and rename: ``path`` is whole or not there.

    Adds ``order`` and ``content_sha256`` to the manifest. Raises ValueError if an array would need pickle.
    Stored: deflating it, and inflating it for each reader, takes a fourth of the original's time and saves a third.
    """
    manifest = dict(manifest, order=list(arrays), content_sha256=content_sha256(arrays))
    encoded = json.dumps(manifest, sort_keys=True).encode("utf-8")
    beside = "%s.%d.part" % (path, os.getpid())
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED, True) as archive:
            for name, array in arrays.items():
                _add(archive, name, array)
            _add(archive, MANIFEST, np.frombuffer(encoded, dtype=np.uint8))
        replace(beside, path)
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def _add(archive, name, array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, little_endian(array), allow_pickle=False)
    entry = zipfile.ZipInfo(name + ".npy", EPOCH)
    entry.compress_type = zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, stream.getvalue())


def little_endian(array):
    """Return ``array`` C-ordered and little-endian, of the same shape (a scalar stays of shape ())."""
    array = np.asarray(array)
    return array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)


def content_sha256(arrays):
    """Return the sha256 over name, dtype, shape and bytes of each array, in order."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        array = little_endian(array)
        for part in (name, array.dtype.str, ",".join(str(size) for size in array.shape)):
            digest.update(part.encode("utf-8") + b"\0")
        digest.update(array.tobytes())
    return digest.hexdigest()


def code_sha256(*directories):
    """Return the sha256 over names and bytes of the `*.py` files of each directory, sorted by name."""
    digest = hashlib.sha256()
    for directory in directories:
        for name in sorted(entry for entry in os.listdir(directory) if entry.endswith(".py")):
            with open(os.path.join(directory, name), "rb") as stream:
                digest.update(name.encode("utf-8") + b"\0" + stream.read() + b"\0")
    return digest.hexdigest()
