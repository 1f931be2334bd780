"""The gate's error."""


class GateError(Exception):
    """A claim or accuracy that does not hold, or cannot be judged: what, where, both values, what to do."""
