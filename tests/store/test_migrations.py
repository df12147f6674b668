"""Every format that was released is read as it is, and written after it was brought to the newest."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanbank.store import Bank
from scanbank.store.card import FORMAT
from scanbank.store.checksums import read_checksums
from scanbank.store.compact import compact
from scanbank.store.migrations import MIGRATIONS
from scanbank.store.retention import check_files

DATA = Path(__file__).parents[1] / "data"
RELEASED = sorted(DATA.glob("bank-format-*.zip"))


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Bank, dict[str, Any]]:
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(tmp_path)
    return Bank.open(tmp_path / "bank", key_file=tmp_path / "key"), json.loads((tmp_path / "expected.json").read_text())


def check(bank: Bank, expected: dict[str, Any]) -> None:
    assert bank.sql("SELECT count(*) AS n FROM slices").to_pylist() == [{"n": expected["slices"]}]
    features = bank.features("intensity/brain/slice")
    assert features.rows == expected["rows"]
    assert features.vectors().astype(np.float64).sum() == expected["vector_sum"]
    ordinals = bank.sql("SELECT ordinal FROM slices ORDER BY ordinal DESC").column(0).to_numpy()
    np.testing.assert_array_equal(features.of(ordinals), features.vectors()[::-1])
    assert bank.sql("SELECT value FROM metrics").to_pylist() == [{"value": 0.75}]


def test_every_format_below_the_newest_has_a_migration_and_a_bank() -> None:
    assert set(MIGRATIONS) == set(range(1, FORMAT))
    assert {int(path.stem.rpartition("-")[2]) for path in RELEASED} >= set(MIGRATIONS)


def test_an_old_bank_is_read_without_being_touched(old: tuple[Bank, dict[str, Any]]) -> None:
    bank, expected = old
    before = {path: path.read_bytes() for path in bank.path.rglob("*") if path.is_file()}
    check(bank, expected)
    assert bank.key
    at = Bank.open(bank.path, at=expected["tag"])
    assert at.sql("SELECT * FROM metrics").num_rows == 0
    assert {path: path.read_bytes() for path in bank.path.rglob("*") if path.is_file()} == before


def test_an_old_bank_is_brought_up_when_it_is_written(old: tuple[Bank, dict[str, Any]]) -> None:
    bank, expected = old
    with bank.commit("label") as commit:
        commit.append("labels", [{"item": "x", "level": "volume", "finding": "f", "status": "present", "source": "table"}])
    opened = Bank.open(bank.path)
    assert opened.card["format"] == FORMAT
    check(opened, expected)
    for entry in opened.log():
        check_files(opened.place, entry.snapshot)
    numbers = [read_checksums(opened.place, entry.snapshot).sequence for entry in opened.log()]
    assert numbers[0] == max(numbers)
    assert Bank.open(bank.path, at=expected["tag"]).sql("SELECT * FROM slices").num_rows == expected["slices"]
    compact(opened, keep=1)
    check(opened, expected)


def test_a_migration_that_was_interrupted_begins_again(old: tuple[Bank, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    bank, expected = old
    if bank.card["format"] == FORMAT:
        pytest.skip("nothing to migrate")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scanbank.store.migrations.write_card", fail)
    with pytest.raises(KeyboardInterrupt):
        bank.commit("x")
    monkeypatch.undo()
    again = Bank.open(bank.path)
    assert again.card["format"] == 1
    check(again, expected)
    again.commit("x")
    check(Bank.open(bank.path), expected)
