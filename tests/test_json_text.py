"""JSON from outside is what the standard means, in both rooms, which have a reader each."""

import pytest

from parity import json_text as of_parity
from port import json_text as of_port

REFUSED = {
    '{"a": 1, "a": 2}': "the key 'a' stands twice",
    '{"b": {"a": 1, "a": 1}}': "the key 'a' stands twice",
    '{"a": NaN}': "NaN is no number of JSON's",
    "[-Infinity]": "-Infinity is no number",
    "[1e999]": "1e999 is too large a number",
    "[" + "9" * 30 + "]": "is too large a whole number",
    "[" + "9" * 5000 + "]": "is too large a whole number",
    "[" * 70 + "]" * 70: "nested more than 64 deep",
    '{"a":' * 100_000: "nested more than 64 deep",
    '["\\ud800"]': "cannot be shown",
    '{"\\u001b[2J": 1}': "cannot be shown",
    '["\\u0000"]': "cannot be shown",
    "": "Expecting value",
    "{'a': 1}": "Expecting property name",
}
READERS = pytest.mark.parametrize("room", [of_parity, of_port], ids=["parity", "port"])


@READERS
@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[text[:12] or "nothing" for text in REFUSED])
def test_what_json_is_not_is_refused(room: object, text: str, reason: str) -> None:
    """With the reason, and never a RecursionError."""
    with pytest.raises(ValueError, match=reason):
        room.parse(text)


@READERS
def test_what_json_is_is_read(room: object) -> None:
    """Bytes and text, all kinds of values, to the limit of depth."""
    value = {"a": [1, -2.5, None, True, "é\n"], "b": {"c": 18446744073709551615}}
    assert room.parse('{"a": [1, -2.5, null, true, "\u00e9\\n"], "b": {"c": 18446744073709551615}}'.encode()) == value
    assert room.parse("[" * 63 + "]" * 63)
