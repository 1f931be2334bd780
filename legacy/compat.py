"""Everything that differs between the two stacks the witness runs on stands here.

Theano 0.8.2 (Python 2.7) needs no help. Lasagne 0.1 asks for two names that Theano-PyMC 1.1.2 no longer has:

* ``theano.tensor.signal.downsample`` (its ``max_pool_2d`` became ``pool.pool_2d``): imported by lasagne.layers.pool;
* ``theano.sandbox.rng_mrg.MRG_RandomStreams`` (now ``MRG_RandomStream``): imported by lasagne.layers.noise.

The network of this room neither pools nor draws random numbers; a program of another's may pool.
"""
import os
import sys
import types


def theano_name():
    """Return the distribution that ``theano`` comes from: 'theano-pymc' or 'theano'."""
    import theano  # only here: the readers and writers of this room need no Theano

    return "theano-pymc" if hasattr(theano.config, "blas__ldflags") else "theano"


def blas_flags():
    """Return the linker flags of Theano's BLAS; Theano-PyMC spells the option ``blas__ldflags``, 0.8.2 ``blas.ldflags``."""
    import theano

    if theano_name() == "theano-pymc":
        return str(theano.config.blas__ldflags)
    return str(theano.config.blas.ldflags)


def import_lasagne():
    """Return lasagne, with the two missing names put in place first where they are missing."""
    import theano.sandbox.rng_mrg as rng_mrg
    import theano.tensor.signal as signal

    if not hasattr(rng_mrg, "MRG_RandomStreams"):
        rng_mrg.MRG_RandomStreams = rng_mrg.MRG_RandomStream
    if theano_name() == "theano-pymc":
        from theano.tensor.signal import pool

        downsample = types.ModuleType("theano.tensor.signal.downsample")
        downsample.max_pool_2d = pool.pool_2d
        sys.modules[downsample.__name__] = signal.downsample = downsample
    import lasagne

    return lasagne


def replace(source, destination):
    """Rename ``source`` over ``destination``; on POSIX ``os.rename``, the only spelling Python 2.7 has, is atomic."""
    getattr(os, "replace", os.rename)(source, destination)


def text(value):
    """Return bytes or text as text (``unicode`` under Python 2)."""
    return value.decode("utf-8") if isinstance(value, bytes) else value
