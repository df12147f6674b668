"""What the docs say is run: the README's commands and Python, the HDF5 example, links, and the names of options."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.ingest import ingest
from scanbank.store.windows import PRESETS

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_readmes_commands_and_python_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(48):
        write_series(tmp_path / "scans" / str(i), patient_id=f"p{i}", series_uid=f"1.{i}", seed=i)
    (tmp_path / "labels.csv").write_text("patient_id,hemorrhage\n" + "".join(f"p{i},{i % 2}\n" for i in range(48)))
    commands = [line for block in blocks(README, "bash") for line in block.splitlines() if line.startswith(".venv/bin/scanbank ")]
    names_of = [command.split()[1] for command in commands]
    assert names_of == ["init", "ingest", "embed", "status", "sql", "embed", "sweep", "zeroshot", "search", "report"]
    said: dict[str, str] = {}
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        said[command.split()[1]] = done.output
        assert done.exit_code == 0, f"{command}\n{done.output}"
    assert "hemorrhage  present" in said["sql"]
    assert "knn" in said["sweep"]
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    assert "<h2>hemorrhage</h2>" in (tmp_path / "report.html").read_text("utf-8")
    (code,) = blocks(README, "python")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["X"].shape == (240, 43)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(names["items"]) == len(names["table"]) == 240  # pyright: ignore[reportArgumentType]


def test_the_hdf5_example_is_read(tmp_path: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks((ROOT / "docs" / "input.md").read_text("utf-8"), "python")
    exec(compile(code, "input.md", "exec"), {})
    assert ingest(bank, [tmp_path / "scan.h5"]).slices == 40


@pytest.mark.parametrize("script", ["scripts/demo.sh", "scripts/test.sh", "scripts/setup.sh", ".ci/run"])
def test_scripts_are_sound_shell(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_ci_is_the_readmes_test_command() -> None:
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert lines == ["bash scripts/test.sh"]
    assert "bash scripts/test.sh" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_options_that_docs_name_exist(page: Path) -> None:
    assert set(re.findall(r"`[^`\n]*?(--[a-z][a-z-]+)", page.read_text("utf-8"))) <= options()


@functools.cache
def options() -> frozenset[str]:
    """Those of all commands, and of the scripts beside them."""
    commands = [[command.name or ""] for command in app.registered_commands]
    groups = [(group.name or "", group.typer_instance) for group in app.registered_groups]
    commands += [[name, command.name or ""] for name, group in groups if group is not None for command in group.registered_commands]
    helps = "".join(CliRunner().invoke(app, [*command, "--help"]).output for command in commands)
    return frozenset({*re.findall(r"--[a-z][a-z-]+", helps), "--slow", "--page", "--minutes", "--soak-seconds"})


def test_windows_that_the_readme_names_exist() -> None:
    (listed,) = re.findall(r"preset names \(([^)]*)\)", README)
    assert {name.strip() for name in listed.split(",")} == set(PRESETS)
