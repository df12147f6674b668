"""The folders and their arrows, as docs/architecture.md draws them."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "store": set[str](),
    "embed": {"store"},
    "heads": {"store"},
    "eval": {"store", "heads", "embed"},
    "scripts": {"store", "embed", "heads", "eval"},
}
"""Folder to those that it imports."""
SOURCES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


@final
@dataclass(frozen=True)
class Facts:
    """What a file says, found by reading it once."""

    imported: frozenset[str]
    """Modules, as dotted names from the root of the package; the standard library and others as they are."""
    called: frozenset[str]
    """Plain names that are called."""
    attributes: frozenset[tuple[str, str]]
    """Of what, where that is a plain name, and which."""
    unsafe: bool
    """Whether `weights_only=False` is given to anything."""
    lines: int

    @property
    def roots(self) -> set[str]:
        return {name.split(".")[0] for name in self.imported}


@cache
def facts() -> dict[str, Facts]:
    """Of each file by its path from the root."""
    return {str(path.relative_to(ROOT)): _facts(path) for path in SOURCES}


def _facts(path: Path) -> Facts:
    package, text = path.relative_to(ROOT).with_suffix("").parts[:-1], path.read_text("utf-8")
    names, called, attributes, unsafe = set[str](), set[str](), set[tuple[str, str]](), False
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                base = list(package[: len(package) - node.level + 1]) if node.level else []
                names |= {".".join([*base, *(node.module or alias.name).split(".")]) for alias in node.names}
            case ast.Call(func=ast.Name(id=name)):
                called.add(name)
            case ast.Attribute(value=value, attr=attr):
                attributes.add((value.id if isinstance(value, ast.Name) else "", attr))
            case ast.keyword(arg="weights_only", value=ast.Constant(value=False)):
                unsafe = True
    imported = frozenset(name.removeprefix("scanbank.") for name in names)
    return Facts(imported, frozenset(called), frozenset(attributes), unsafe, len(text.splitlines()))


def test_imports_follow_the_arrows() -> None:
    for path, found in facts().items():
        folder = path.split("/")[0]
        assert found.roots & set(ALLOWED) <= ALLOWED[folder] | {folder}, path


def test_store_never_names_torch() -> None:
    for path, found in facts().items():
        if path.startswith("store/"):
            assert not {"torch", "torchvision", "transformers", "timm", "open_clip"} & found.roots, path


def test_nothing_relies_on_pandas() -> None:
    for path, found in facts().items():
        assert "pandas" not in found.roots, path
        # of Arrow and DuckDB, which import it
        assert not {name for _, name in found.attributes} & {"to_pandas", "df", "fetchdf", "fetch_df"}, path


def test_nothing_is_pickled_or_evaluated() -> None:
    for path, found in facts().items():
        assert not found.called & {"eval", "exec"}, path
        assert not {"dill", "joblib", "cloudpickle", "shelve", "marshal"} & found.roots, path
        assert {name for of, name in found.attributes if of == "pickle"} <= {"UnpicklingError"}, path  # named to be caught
        assert not found.unsafe, path


def test_files_stay_small() -> None:
    assert {path: found.lines for path, found in facts().items() if found.lines > 400} == {}


def test_every_package_is_installed() -> None:
    import tomllib

    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    present = {".".join(("scanbank", *p.relative_to(ROOT).parent.parts)) for p in SOURCES if p.name == "__init__.py"}
    assert named == present


@pytest.mark.parametrize(
    "statement", ["import scanbank.store", "import scanbank.embed", "import scanbank.embed.adapt.lineage", "import scanbank.scripts.cli"]
)
def test_import_loads_no_torch(statement: str) -> None:
    check = f"import sys; {statement}; print(sorted({{'torch', 'transformers', 'timm', 'open_clip'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_storage() -> None:
    """What makes help answer in a tenth of a second: nothing but typer is imported."""
    check = (
        "import sys; from scanbank.scripts.cli import app; from typer.testing import CliRunner; r = CliRunner().invoke(app, ['--help']);"
        "assert r.exit_code == 0; print(sorted({'numpy', 'zarr', 'icechunk', 'duckdb', 'pyarrow', 'pydicom', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
