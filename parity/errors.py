"""The judge's one family of errors, whose messages can be shown whatever the file that they tell of holds."""

LETTERS = 3900
"""Of a message; the rest is what a file put in."""


class ParityError(Exception):
    """An input that cannot be judged: says what, where, both values and what to do."""

    def __init__(self, message: str) -> None:
        shown = "".join(
            letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}"
            for letter in message[:LETTERS]
        )
        super().__init__(shown + (" ..." if len(message) > LETTERS else ""))


class TraceError(ParityError):
    """A trace or request file that is missing, malformed, tampered with or stale."""


class WitnessError(ParityError):
    """A witness that could not be had, hung, died or wrote no sound trace (exit code 3)."""


class LedgerError(ParityError):
    """A ledger that is missing, malformed or incomplete."""
