"""Nothing in the product writes to the control store but the functions that keep its seals."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("connectors", "privacy", "segmentation", "workflows")
DOOR = {"privacy/store/bulk.py", "privacy/store/writing.py", "privacy/store/seals.py"}
"""The functions themselves, and what only they call."""
OWN = {"privacy/store/engine.py", "privacy/store/present.py", "privacy/store/migrations/env.py"}
"""May speak to the driver: pragmas, temporary tables, migrations."""
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE", "DROP", "ALTER", "CREATE")


def _files() -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "versions" not in path.parts]
    return [path for path in found if path.relative_to(ROOT).as_posix() not in DOOR]


def _imports(tree: ast.AST) -> set[str]:
    """Names of SQLAlchemy's writing statements that a module imports."""
    writing = {"insert", "update", "delete"}
    return {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for name in node.names
        if name.name in writing
    }


def _builds(tree: ast.AST) -> list[int]:
    """Lines with `table.insert()`, `table.update()` or `table.delete()` given to `execute`."""
    return [
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute"
        for argument in node.args
        for inner in ast.walk(argument)
        if isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and inner.func.attr in {"insert", "update", "delete"}
    ]


def _says(tree: ast.AST) -> list[int]:
    """Lines that hand a writing statement to SQLAlchemy as text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in {"text", "exec_driver_sql"}:
            strings = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            found += [node.lineno for part in strings if isinstance(part, str) and part.lstrip().startswith(WRITING)]
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_rows_are_changed_through_the_store_only(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert _imports(tree) == set()
    assert _builds(tree) == []
    if path.relative_to(ROOT).as_posix() not in OWN:
        assert _says(tree) == []
