"""`scanbank report` as a user meets it."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eval_banks import toy_bank
from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def fails(code: int, pattern: str, *words: str | Path | int) -> None:
    done = run("report", *words)
    assert done.exit_code == code, done.output
    assert re.search(pattern, done.stderr), done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


def test_main_job(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    assert run("sweep", bank.path, "--finding", "bleed", "--heads", "knn", "--shots", "1,all", "--repeats", 2).exit_code == 0
    out = tmp_path / "page.html"
    done = run("report", bank.path, "-o", out, "--no-pictures")
    assert done.exit_code == 0, done.output
    assert str(out) in done.stdout
    page = out.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "<h2>bleed</h2>" in page
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".page")] == []
    earlier = bank.log()[-1].snapshot
    assert run("report", bank.path, "-o", out, "--no-pictures", "--at", earlier).exit_code == 0  # the older page is replaced
    assert "<h2>bleed</h2>" not in out.read_text("utf-8")


def test_mistakes_are_one_line(bank: Bank, tmp_path: Path) -> None:
    fails(2, "its folder does not exist", bank.path, "-o", tmp_path / "none" / "page.html")
    fails(2, "it is a folder", bank.path, "-o", tmp_path)
    fails(2, r"expected a name that ends in .html or .htm", bank.path, "-o", tmp_path / "labels.csv")
    fails(2, "it lies in the bank", bank.path, "-o", bank.path / "page.html")
    fails(2, "the query is empty", bank.path, "-o", tmp_path / "page.html", "--query", " ")
    fails(2, "device 'banana' is unknown", bank.path, "-o", tmp_path / "page.html", "--device", "banana")
    fails(2, "--query asks for pictures", bank.path, "--query", "nodule", "--no-pictures")
    fails(2, "holds no volumes", bank.path, "-o", tmp_path / "page.html", "--query", "nodule")
    assert not (tmp_path / "page.html").exists()
    fails(2, "is not a bank", tmp_path / "nothing", "-o", tmp_path / "page.html")


def test_tables_alone(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    toy_bank(bank)
    assert run("sweep", bank.path, "--finding", "bleed", "--heads", "knn", "--shots", "1,all", "--repeats", 2).exit_code == 0
    done = run("report", bank.path, "--markdown", "t.md", "--latex", "t.tex")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".md", ".tex", ".html")) == ["t.md", "t.tex"]
    assert "## bleed" in Path("t.md").read_text("utf-8")
    assert "\\toprule" in Path("t.tex").read_text("utf-8")
    assert run("report", bank.path, "--no-pictures").exit_code == 0
    assert Path("report.html").is_file()
    fails(2, r"--latex t.txt: expected a name that ends in .tex", bank.path, "--latex", "t.txt")


def test_a_link_is_followed_and_a_pipe_written_to(bank: Bank, tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "real.html", tmp_path / "link.html", tmp_path / "pipe.html"
    target.write_text("old")
    link.symlink_to(target)
    assert run("report", bank.path, "-o", link, "--no-pictures").exit_code == 0
    assert link.is_symlink()
    assert target.read_text("utf-8").startswith("<!doctype html>")
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
    reader.start()
    assert run("report", bank.path, "-o", pipe, "--no-pictures").exit_code == 0
    reader.join(30)
    assert read[0].startswith("<!doctype html>")
    assert pipe.is_fifo()


def test_an_answer_in_a_bank_is_refused(bank: Bank) -> None:
    card = (bank.path / "bank.json").read_bytes()
    done = run("sql", bank.path, "SELECT 1", "-o", bank.path / "bank.json")
    assert done.exit_code == 2
    assert "it lies in the bank" in done.stderr
    assert (bank.path / "bank.json").read_bytes() == card
