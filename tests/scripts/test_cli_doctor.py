from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doctor_banks import full_bank
from scanbank.scripts.cli import app
from scanbank.store import Bank


@pytest.fixture
def path(bank: Bank) -> Path:
    return full_bank(bank).path


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *words])
    return done.exit_code, done.stdout


def test_a_sound_bank(path: Path) -> None:
    assert run(str(path)) == (0, "the bank is sound\n")
    code, told = run(str(path), "--json")
    assert (code, json.loads(told)) == (0, {"sound": True, "findings": []})


def test_what_is_wrong_is_told_and_mended(path: Path) -> None:
    chunk = max((path / "features" / "chunks").iterdir(), key=lambda file: file.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:-1])
    code, told = run(str(path))
    assert code == 1
    assert f"error: features/chunks/{chunk.name} (a chunk of vectors) does not fit its checksum" in told
    assert told.endswith("; `scanbank doctor --repair` mends what can be mended\n")
    code, told = run(str(path), "--json")
    assert code == 1
    assert json.loads(told)["sound"] is False
    code, told = run(str(path), "--repair")
    assert code == 0
    assert f"repaired: features/chunks/{chunk.name} set aside in quarantine/" in told
    assert re.search(r"the bank is sound( \(1 note\))?\n$", told)  # of an index that is older than what was made again
    assert run(str(path))[0] == 0


def test_no_bank_is_misuse(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nothing")) == (2, "")
