"""The stack a trace was made on: the true versions of what ran, and how its BLAS was linked.

``python -m legacy.stack`` prints it as one line of JSON: the proof that the environment works.
"""
from __future__ import print_function

import json
import os
import platform
import subprocess

import numpy
import scipy
import theano

from legacy import rasters
from legacy.compat import blas_flags, text, theano_name
from legacy.network import lasagne


def describe():
    """Return the versions of Theano, Lasagne, numpy, scipy, GDAL, Python and the compiler, and Theano's BLAS flags, as a dict."""
    binding, gdal = rasters.binding()
    return {
        "name": theano_name(),
        "theano": theano.__version__,
        "lasagne": lasagne.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "gdal": gdal,
        "gdal_binding": binding,
        "python": platform.python_version(),
        "system": "%s %s" % (platform.system(), platform.machine()),
        "compiler": _compiler(),
        "blas": blas_flags() or "numpy's",
        "blas_kernels": os.environ.get("OPENBLAS_CORETYPE", "detected"),
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
    }


def _compiler():
    """Return the first line of ``g++ --version``, or 'none' where Theano has no compiler."""
    command = str(theano.config.cxx)
    if not command:
        return "none"
    return text(subprocess.check_output([command, "--version"])).splitlines()[0]


if __name__ == "__main__":
    print(json.dumps(describe(), sort_keys=True))
