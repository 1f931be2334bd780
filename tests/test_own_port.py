"""What is said of another's port is so: its document holds the example's own files, which are under sixty lines."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "lenet"
TEXT = (ROOT / "docs" / "your-own-port.md").read_text(encoding="utf-8")
FILES = sorted(EXAMPLE.glob("*.py"))
LIMIT = 60


def lines_of_code(text: str) -> int:
    """Lines that are not blank, no comment and no docstring."""
    said: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            said.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate((line.strip() for line in text.splitlines()), start=1)
    return sum(bool(line) and not line.startswith("#") and number not in said for number, line in lines)


def test_example_is_under_sixty_lines() -> None:
    """All of the user's own code together."""
    assert 0 < sum(lines_of_code(path.read_text(encoding="utf-8")) for path in FILES) < LIMIT


def test_lines_are_counted() -> None:
    """Docstrings, comments and blank lines do not count; a text that is no docstring does."""
    text = '"""A\nb."""\n\n# c\ndef f():\n    """D."""\n    g("""e\n    f""")\n'
    assert lines_of_code(text) == 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_document_holds_the_file(path: Path) -> None:
    """Not retyped: the block is the file."""
    assert f"```python\n{path.read_text(encoding='utf-8')}```\n" in TEXT


def test_document_names_files_that_are_there() -> None:
    """Every path of the example or of this project in it."""
    named = set(re.findall(r"(?:examples|parity|legacy)/[\w/]+\.py", TEXT))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
