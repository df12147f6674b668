"""The folders and their arrows, as docs/architecture.md draws them."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "store": set[str](),
    "embed": {"store"},
    "heads": {"store"},
    "eval": {"store", "heads", "embed"},
    "scripts": {"store", "embed", "heads", "eval"},
}
SOURCES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file imports, as dotted names from the root of the package; the standard library and others as they are."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.removeprefix("scanbank.") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            names |= {".".join([*base, *(node.module or alias.name).split(".")]) for alias in node.names}
    return frozenset(name.removeprefix("scanbank.") for name in names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    reached = {name.split(".")[0] for name in imported(path)} & set(ALLOWED)
    assert reached <= ALLOWED[folder] | {folder}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.relative_to(ROOT).parts[0] == "store"], ids=lambda p: str(p.relative_to(ROOT)))
def test_store_never_names_torch(path: Path) -> None:
    assert not {"torch", "torchvision", "transformers", "timm", "open_clip"} & {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_relies_on_pandas(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert "pandas" not in {name.split(".")[0] for name in imported(path)}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"to_pandas", "df", "fetchdf", "fetch_df"}  # of Arrow and DuckDB, which import it


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_pickled_or_evaluated(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"eval", "exec"}
    assert not {"dill", "joblib", "cloudpickle", "shelve", "marshal"} & {name.split(".")[0] for name in imported(path)}
    reached = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle"}
    assert reached <= {"UnpicklingError"}  # named to be caught
    if "weights_only" in path.read_text("utf-8"):
        assert "weights_only=False" not in ast.unparse(tree)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_every_package_is_installed() -> None:
    import tomllib

    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    present = {".".join(("scanbank", *p.relative_to(ROOT).parent.parts)) for p in SOURCES if p.name == "__init__.py"}
    assert named == present


@pytest.mark.parametrize("statement", ["import scanbank.store", "import scanbank.embed", "import scanbank.scripts.cli"])
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
