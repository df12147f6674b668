from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scanbank.store import Bank
from scanbank.store.errors import (
    BankAccessError,
    BankDamagedError,
    BankExistsError,
    BankFormatError,
    KeyMissingError,
    NotABankError,
    UsageError,
)
from scanbank.store.key import default_key_file
from scanbank.store.local_map import map_file

as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def test_created_bank_opens_empty(tmp_path: Path) -> None:
    made = Bank.create(tmp_path / "b")
    opened = Bank.open(tmp_path / "b")
    assert opened.snapshot.id == made.snapshot.id
    assert opened.sql("SELECT count(*) AS n FROM volumes").to_pylist() == [{"n": 0}]
    assert opened.feature_sets == []
    assert [entry.message for entry in opened.log()] == ["init"]


def test_key_is_outside_and_private(tmp_path: Path) -> None:
    bank = Bank.create(tmp_path / "b")
    path = default_key_file(bank.card["key"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    secret = bank.key.raw
    held = b"".join(file.read_bytes() for file in (tmp_path / "b").rglob("*") if file.is_file())
    assert secret not in held
    assert secret.hex().encode() not in held
    assert "raw" not in repr(bank.key)


def test_local_map_is_outside_and_private(bank: Bank) -> None:
    assert bank.local_map.locate("nothing") is None
    assert map_file(bank.card["bank"]).stat().st_mode & 0o777 == 0o600


def test_bank_without_its_key_answers_but_does_not_ingest(bank: Bank) -> None:
    default_key_file(bank.card["key"]).unlink()
    opened = Bank.open(bank.path)
    assert opened.sql("SELECT 1 AS one").num_rows == 1
    with pytest.raises(KeyMissingError, match="--key-file"):
        _ = opened.key


def test_another_banks_key_is_refused(tmp_path: Path) -> None:
    Bank.create(tmp_path / "a", key_file=tmp_path / "a.key")
    Bank.create(tmp_path / "b", key_file=tmp_path / "b.key")
    with pytest.raises(UsageError, match="but this bank was made with key"):
        _ = Bank.open(tmp_path / "b", key_file=tmp_path / "a.key").key


def test_two_banks_can_share_a_key(tmp_path: Path) -> None:
    a = Bank.create(tmp_path / "a", key_file=tmp_path / "k")
    b = Bank.create(tmp_path / "b", key_file=tmp_path / "k")
    assert a.key.pseudonym("patient", "x") == b.key.pseudonym("patient", "x")


def test_nothing_is_overwritten(tmp_path: Path, bank: Bank) -> None:
    with pytest.raises(BankExistsError, match="is a bank already"):
        Bank.create(bank.path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    with pytest.raises(BankExistsError, match="not an empty folder"):
        Bank.create(tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BankExistsError):
        Bank.create(tmp_path / "file")


def test_what_is_no_bank_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, words in (("none", "does not exist"), ("empty", r"holds no bank\.json"), ("file", "is not a folder")):
        with pytest.raises(NotABankError, match=words) as caught:
            Bank.open(tmp_path / name)
        assert caught.value.exit_code == 2


def test_newer_format_names_both_versions(bank: Bank) -> None:
    card = bank.path / "bank.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
    with pytest.raises(BankFormatError, match="format 99; this scanbank reads up to format 2"):
        Bank.open(bank.path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": "1", "bank": "x", "key": "y"}', pytest.param("[" * 100_000, id="deep")],
)
def test_damaged_card_is_one_line(bank: Bank, text: str) -> None:
    (bank.path / "bank.json").write_text(text)
    with pytest.raises(BankFormatError, match="damaged"):
        Bank.open(bank.path)


@as_user
def test_no_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BankAccessError, match="permission denied"):
        Bank.create(tmp_path / "b")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("folder", ["snapshots", "refs"])
@pytest.mark.parametrize("harm", ["missing", "truncated"])
def test_damaged_storage_is_one_line(bank: Bank, folder: str, harm: str) -> None:
    for path in [p for p in (bank.path / "features" / folder).rglob("*") if p.is_file()]:
        if harm == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BankDamagedError, match=r"features/.* missing or damaged; restore it") as caught:
        Bank.open(bank.path).sql("SELECT 1")
    assert "\n" not in str(caught.value)


def test_unknown_object_stores_are_refused_in_words() -> None:
    with pytest.raises(UsageError, match="gs:// is no place for a bank; give a folder, or s3://BUCKET/PREFIX"):
        Bank.open("gs://bucket/bank")
    with pytest.raises(UsageError, match="expected s3://BUCKET/PREFIX"):
        Bank.open("s3://bucket")
