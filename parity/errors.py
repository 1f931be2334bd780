"""The judge's one family of errors."""


class ParityError(Exception):
    """An input that cannot be judged: says what, where, both values and what to do."""


class TraceError(ParityError):
    """A trace or request file that is missing, malformed, tampered with or stale."""


class WitnessError(ParityError):
    """A witness that could not be had, hung, died or wrote no sound trace (exit code 3)."""


class LedgerError(ParityError):
    """A ledger that is missing, malformed or incomplete."""
