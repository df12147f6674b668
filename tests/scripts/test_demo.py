"""The demo: its commands as they are shown, a kill half-way, and, slowly, the whole of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scanbank.scripts.cli import app
from scanbank.scripts.demo import Demo
from scanbank.store import Bank


def test_commands_are_shown_as_a_user_would_type_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = Demo(tmp_path, 2)
    demo.step("Init", "A bank and its key.")
    demo.run("init", tmp_path / "a.bank", "--key-file", tmp_path / "a.key")
    demo.run("sql", tmp_path / "a.bank", "SELECT 1 AS\n  one")
    told = capsys.readouterr().out
    assert "[1/2] Init\nA bank and its key.\n" in told
    assert "$ scanbank init a.bank --key-file a.key\n" in told
    assert "$ scanbank sql a.bank 'SELECT 1 AS one'\n" in told
    assert Bank.open(tmp_path / "a.bank").card["format"]
    demo.run("sql", tmp_path / "a.bank", "SELECT 'x' AS one")
    assert """$ scanbank sql a.bank "SELECT 'x' AS one"\n""" in capsys.readouterr().out
    with pytest.raises(typer.Exit) as failed:
        demo.run("sql", tmp_path / "a.bank", "SELECT")
    assert failed.value.exit_code == 2


def test_a_file_is_no_folder_for_a_demo(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = CliRunner().invoke(app, ["demo", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "is a file" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = CliRunner().invoke(app, ["demo", str(tmp_path)])
    assert done.exit_code == 2
    assert "mine.txt" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["demo", str(tmp_path / "file" / "below")])
    assert done.exit_code == 1
    assert "making the folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_demo_as_a_whole_and_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "scanbank.scripts.cli", "demo", str(out)]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [int(n) for n in re.findall(r"^\[(\d+)/9\]", first, re.MULTILINE)] == list(range(1, 10))
    for name in ("head.html", "chest.html", "search.png"):
        assert (out / name).stat().st_size > 20_000, name
    bank = Bank.open(out / "head.bank", key_file=out / "head.key")
    snapshot = bank.snapshot.id
    vectors = {s.name: s.vectors() for s in bank.feature_sets}
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "there already" in again
    bank.refresh()
    assert {s.name: len(s.vectors()) for s in bank.feature_sets} == {name: len(v) for name, v in vectors.items()}
    assert bank.snapshot.id != snapshot  # runs are written again, and are equal
    assert bank.sql("SELECT count(*) AS n FROM runs").to_pylist() == [{"n": 2}]
