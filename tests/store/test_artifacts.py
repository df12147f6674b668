"""Files of adapters count if a snapshot lists them, wherever the bank lies, and go when none does."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from eval_banks import add_volumes
from scanbank.store import Bank
from scanbank.store.artifacts import listed, read_files
from scanbank.store.compact import compact
from scanbank.store.errors import BankDamagedError, UnknownNameError
from scanbank.store.forget import forget, preview
from scanbank.store.status import overview

WEIGHTS, CARD = b"weights of an adapter" * 50, b'{"format": 1}'
SHA = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Bank:
    """A bank of three patients with one adapter, trained on p0."""
    bank = Bank.create(str(tmp_path / "bank") if request.param == "folder" else request.getfixturevalue("s3_url"))
    add_volumes(bank, ["p0", "p1", "p2"])
    keep(bank, SHA, WEIGHTS, encoder="e1", trained="v0")
    return bank


def keep(bank: Bank, sha: str, weights: bytes, *, encoder: str, trained: str, parent: str = "e0", card: str = "{}") -> None:
    with bank.commit("keep") as commit:
        commit.add_artifact(sha, {"adapter.safetensors": weights, "card.json": card.encode()})
        commit.append(
            "encoders",
            [{"encoder": encoder, "name": f"adapted:{encoder}", "parent": parent, "adapter": sha, "spec": "{}", "card": card}],
        )
        commit.append("trained_items", [{"encoder": encoder, "item": trained, "level": "volume"}])
    bank.refresh()


def files(bank: Bank) -> list[str]:
    return sorted(entry.name for entry in bank.place.entries("artifacts"))


def test_files_are_listed_read_counted_and_written_once(kept: Bank) -> None:
    assert read_files(kept.place, kept.snapshot.root, SHA) == {"adapter.safetensors": WEIGHTS, "card.json": b"{}"}
    assert files(kept) == sorted(file.path for file in listed(kept.snapshot.root))
    assert all(name.startswith(f"artifacts/{SHA}-") for name in files(kept))
    assert overview(kept)["bytes"]["artifacts"] == len(WEIGHTS) + 2
    assert overview(kept)["adapted"] == [{"name": "adapted:e1", "encoder": "e1", "kept": True}]
    before = files(kept)
    with kept.commit("again") as commit:
        commit.add_artifact(SHA, {"adapter.safetensors": WEIGHTS, "card.json": b"{}"})
    assert files(kept) == before
    with pytest.raises(UnknownNameError, match="artifact 'ff' is unknown"):
        read_files(kept.place, kept.snapshot.root, "ff")


def test_what_was_not_committed_is_taken_back_and_what_is_there_stays(kept: Bank) -> None:
    before = files(kept)
    with pytest.raises(UnknownNameError), kept.commit("fails") as commit:  # noqa: PT012 - the commit is what is tested
        commit.add_artifact("other", {"card.json": CARD})
        commit.add_artifact(SHA, {"card.json": CARD})
        commit.append("none", [])
    assert files(kept) == before
    kept.refresh()
    assert {file.artifact for file in listed(kept.snapshot.root)} == {SHA}


def test_damage_is_told_when_it_is_read(kept: Bank) -> None:
    file = next(file for file in listed(kept.snapshot.root) if file.part == "card.json")
    kept.place.write(file.path, b"[]")
    with pytest.raises(BankDamagedError, match=r"card.json is damaged: its bytes are not those that were committed"):
        read_files(kept.place, kept.snapshot.root, SHA)
    kept.place.delete(file.path)
    with pytest.raises(BankDamagedError, match=r"card.json is missing; restore it from a copy"):
        read_files(kept.place, kept.snapshot.root, SHA)


def test_compaction_removes_what_no_snapshot_lists_and_keeps_what_one_does(kept: Bank) -> None:
    kept.tag("with")
    kept.place.write("artifacts/stray/card.json", CARD)
    before = [name for name in files(kept) if "stray" not in name]
    with kept.commit("drop") as commit:
        commit.drop_artifacts({SHA})
    kept.refresh()
    compact(kept, keep=1, grace=timedelta(seconds=-60))
    assert files(kept) == before
    assert read_files(kept.place, Bank.open(kept.name, at="with").snapshot.root, SHA)["adapter.safetensors"] == WEIGHTS
    kept.untag("with")
    compact(kept, keep=1, grace=timedelta(seconds=-60))
    assert files(kept) == []
    if kept.place.folder:
        assert list((kept.place.folder / "artifacts").iterdir()) == []


def test_forgetting_takes_adapters_trained_on_the_patient_and_what_was_adapted_from_them(kept: Bank) -> None:
    others = {name: name.encode() * 9 for name in ("grandchild", "stranger", "tattler")}
    keep(kept, "sha2", others["grandchild"], encoder="e2", trained="v1", parent="e1")
    keep(kept, "sha3", others["stranger"], encoder="e3", trained="v1")
    keep(kept, "sha4", others["tattler"], encoder="e4", trained="v2", card='{"items": ["v0"]}')
    shown = preview(kept, pseudonyms=["p0"])
    assert shown.adapters == ("adapted:e1", "adapted:e2", "adapted:e4")
    report = forget(kept, pseudonyms=["p0"])
    assert (report.adapters, report.adapters_kept) == (shown.adapters, ())
    assert {file.artifact for file in listed(kept.snapshot.root)} == {"sha3"}
    assert files(kept) == sorted(file.path for file in listed(kept.snapshot.root))
    assert kept.sql("SELECT encoder FROM encoders").column(0).to_pylist() == ["e3"]
    assert sorted(kept.sql("SELECT item FROM trained_items").column(0).to_pylist()) == ["v1", "v1", "v2"]


def test_adapters_stay_where_that_is_asked_for(kept: Bank) -> None:
    shown = preview(kept, pseudonyms=["p0"], keep_adapters=True)
    assert (shown.adapters, shown.adapters_kept) == ((), ("adapted:e1",))
    report = forget(kept, pseudonyms=["p0"], keep_adapters=True)
    assert (report.adapters, report.adapters_kept) == ((), ("adapted:e1",))
    assert read_files(kept.place, kept.snapshot.root, SHA)["adapter.safetensors"] == WEIGHTS
    assert kept.sql("FROM trained_items").num_rows == 0
