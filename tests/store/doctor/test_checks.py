"""Each fault, planted alone, is told of; what can be mended is."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import zarr

from doctor_banks import DEPTH, contents, files, findings, full_bank, said, snapshot_contents
from eval_banks import SLICE, VOLUME, add_labels, add_volumes
from scanbank.store import Bank
from scanbank.store.compact import compact
from scanbank.store.doctor import Finding, is_sound, repair
from scanbank.store.doctor.case import FIRST
from scanbank.store.errors import NotABankError
from scanbank.store.key import default_key_file

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a full bank, and its key."""
    folder = tmp_path_factory.mktemp("whole")
    full_bank(Bank.create(folder / "bank", key_file=folder / "key"))
    return folder


@pytest.fixture
def full(whole: Path, tmp_path: Path) -> Bank:
    """The bank, copied for each test, with its key where keys are looked for."""
    bank = Bank.open(shutil.copytree(whole / "bank", tmp_path / "bank"))
    key = default_key_file(bank.card["key"])
    key.parent.mkdir(parents=True, mode=0o700)
    shutil.copy(whole / "key", key)
    return bank


def age(path: Path) -> None:
    """Older than the time for which files stay that nothing lists."""
    os.utime(path, (1e9, 1e9))


def only(found: list[Finding]) -> Finding:
    (one,) = found
    return one


def set_group(commit: Any, digest: str) -> zarr.Group:
    return cast("zarr.Group", commit.root[f"sets/{digest}"])


def mend(bank: Bank) -> list[str]:
    done = repair(bank.place)
    assert is_sound(done.after), done
    return done.done


@pytest.mark.parametrize("compacted", [False, True])
def test_of_a_sound_bank_nothing_is_said(bank: Bank, compacted: bool) -> None:
    full_bank(bank, compacted=compacted)
    assert findings(bank.path) == []


def test_an_empty_bank_is_sound(bank: Bank) -> None:
    assert findings(bank.path) == []
    assert repair(bank.place).done == []


def test_no_bank(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    with pytest.raises(NotABankError, match="scanbank init"):
        findings(tmp_path)


@pytest.mark.parametrize(
    ("word", "after"), [(b"format", 9), pytest.param(b"{", 5, marks=pytest.mark.slow), pytest.param(b"sha256", 20, marks=pytest.mark.slow)]
)
def test_a_card_without_one_byte_right_is_put_back(full: Bank, word: bytes, after: int) -> None:
    card = full.path / "bank.json"
    whole = card.read_bytes()
    at = whole.index(word) + after
    card.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert only(findings(full.path)).problem == "is damaged: one byte of it has changed"
    mend(full)
    assert card.read_bytes() == whole


def test_a_card_that_is_lost_is_told_of(full: Bank) -> None:
    card = full.path / "bank.json"
    card.write_bytes(card.read_bytes().replace(b"bank", b"knab"))
    found = only([one for one in findings(full.path) if one.severity == "error"])
    assert (found.what, found.problem, found.repairable) == ("bank.json", "is damaged", False)
    card.unlink()
    assert ("error", "bank.json", "is missing") in said(full.path)


def test_a_card_of_a_newer_format(full: Bank) -> None:
    from scanbank.store.card import write_card

    write_card(full.place, {**full.card, "format": 99})
    found = only([one for one in findings(full.path) if one.what == "bank.json"])
    assert "is of bank format 99" in found.problem
    assert found.remedy == "upgrade scanbank"


@pytest.mark.parametrize(
    "harm",
    [b'{"snapshot":"XXXXXXXXXXXXXXXXXXXX"}', *(pytest.param(harm, marks=pytest.mark.slow) for harm in (b"", b"{}", None))],
    ids=["of no snapshot", "empty", "without a snapshot", "gone"],
)
def test_a_lost_branch_is_found_again(full: Bank, harm: bytes | None) -> None:
    whole, ref = contents(full.path), full.path / "features" / "refs" / "branch.main" / "ref.json"
    ref.unlink() if harm is None else ref.write_bytes(harm)
    assert any(one.what == "features/refs/branch.main/ref.json" and one.repairable for one in findings(full.path))
    mend(full)
    assert contents(full.path) == whole


def test_a_tag_is_put_back_where_its_bytes_tell_and_else_set_aside(full: Bank) -> None:
    whole, ref = contents(full.path), full.path / "features" / "refs" / "tag.early" / "ref.json"
    data = ref.read_bytes()
    ref.write_bytes(data[:-6])
    mend(full)
    assert contents(full.path) == whole
    ref.write_bytes(b"nothing")
    assert any("tag 'early'" in problem for _, _, problem in said(full.path))
    done = repair(full.place)
    assert (full.path / done.quarantine / "features/refs/tag.early/ref.json").read_bytes() == b"nothing"
    assert Bank.open(full.path).tags == {"late": full.tags["late"]}


def test_the_newest_commit_is_given_up_where_it_cannot_be_read(full: Bank) -> None:
    add_labels(full, "late", {"v1": "1"})
    before = [entry.snapshot for entry in full.log()]
    (full.path / "features" / "snapshots" / before[0]).write_bytes(b"nothing of it")
    found = next(one for one in findings(full.path) if one.what.endswith(before[0]))
    assert f"goes back to the commit before it ({before[1]})" in found.remedy
    assert any("1 commits are lost" in line for line in mend(full))
    assert [entry.snapshot for entry in Bank.open(full.path).log()] == before[1:]


def test_a_merged_table_is_made_again_from_what_it_was_merged_from(bank: Bank) -> None:
    full_bank(bank, compacted=True)
    whole = contents(bank.path)
    (merged,) = (file.name for file in bank.snapshot.files("predictions"))
    merged = bank.snapshot.files("volumes")[0].name
    (bank.path / "tables" / "volumes" / merged).write_bytes(b"x")
    assert any("made again from the rows of snapshot" in line for line in mend(bank))
    assert contents(bank.path) == whole


def test_values_that_are_not_finite_and_items_that_come_twice(full: Bank) -> None:
    with full.commit("harm") as commit:
        vector, item = (cast("zarr.Array", set_group(commit, SLICE.digest)[name]) for name in ("vector", "item"))
        vector[3] = np.full(4, np.inf, np.float32)
        item[5] = int(cast("Any", item[4]))
    full.refresh()
    problems = {problem for severity, what, problem in said(full.path) if severity == "error"}
    assert problems == {
        "has values that are not finite in 1 rows",
        "has 1 rows of items that it has already",
        "has runs that do not agree with its items",
    }
    mend(full)
    left = Bank.open(full.path).features(SLICE.name)
    assert left.rows == 28
    assert np.isfinite(left.vectors()).all()
    np.testing.assert_array_equal(left.of(left.items()), left.vectors())


def test_lost_chunks_of_vectors_cost_the_rows_that_they_held(full: Bank) -> None:
    """1,024 rows a chunk: the second of three is lost."""
    more = add_volumes(full, ["x"], slices=3000, first=20)
    vectors = np.random.default_rng(1).normal(size=(3000, 4)).astype(np.float32)
    with full.commit("large") as commit:
        commit.append_features(SLICE, vectors, more[0] + 1 + np.arange(3000))
    full.refresh()
    held = full.features(SLICE.name)
    items, whole = held.items(), held.vectors()
    lost = whole[1024:2048].tobytes()
    (chunk,) = (file for file in (full.path / "features" / "chunks").iterdir() if file.read_bytes().startswith(lost))
    chunk.unlink()
    assert (
        "error",
        f"feature set {SLICE.name!r}",
        "has lost 'vector' of 1,024 rows: a chunk is missing or does not fit its checksum",
    ) in said(full.path)
    assert any("dropped 1,024 of 3,030 rows" in line for line in mend(full))
    left = Bank.open(full.path).features(SLICE.name)
    keep = np.r_[0:1024, 2048:3030]
    np.testing.assert_array_equal(left.items(), items[keep])
    np.testing.assert_array_equal(left.of(items[keep]), whole[keep])


def test_arrays_of_different_lengths(full: Bank) -> None:
    with full.commit("harm") as commit:
        cast("zarr.Array", set_group(commit, DEPTH.digest)["mask"]).resize((6, 3))
    assert any("different lengths" in problem for _, _, problem in said(full.path))
    mend(full)
    assert Bank.open(full.path).features(DEPTH.name).rows == 6


def test_rows_that_speak_of_what_is_not_there(full: Bank) -> None:
    shutil.rmtree(full.path / "indexes")
    with full.commit("harm") as commit:
        commit.append("slices", [{"slice": "s", "ordinal": commit.reserve(1), "volume": "gone", "index": 0}])
        commit.append("metrics", [{"run": "gone", "metric": "auroc"}])
        commit.append("labels", [{"item": "gone", "level": "volume", "finding": "f", "status": "present", "source": "table"}])
    full.refresh()
    assert said(full.path) == [
        ("warning", "table 'slices'", "has 1 rows of volumes that are not there"),
        ("warning", "table 'metrics'", "has 1 rows of runs that are not there"),
        ("note", "table 'labels'", "speaks of 1 items that are not there"),
    ]
    done = repair(full.place)
    assert [one.what for one in done.after] == ["table 'labels'"]
    assert (full.path / done.quarantine / "rows" / "slices.parquet").is_file()
    left = Bank.open(full.path)
    assert left.sql("SELECT * FROM history_slices WHERE volume = 'gone'").num_rows == 0
    assert left.sql("SELECT count(*) AS n FROM slices").to_pylist() == [{"n": 30}]


def test_ordinals_given_twice_or_never(full: Bank) -> None:
    with full.commit("harm") as commit:
        commit.append("volumes", [{"volume": "a", "ordinal": 0, "slices": 0}, {"volume": "b", "ordinal": 10**6, "slices": 0}])
    full.refresh()
    problems = [problem for severity, _, problem in said(full.path) if severity == "error"]
    assert problems == [
        "share an ordinal: 1 ordinals were given to more than one item",
        "have ordinals that were never given: 1 of them",
    ]
    assert not is_sound(repair(full.place).after)


def test_orphans_and_aliases_of_nothing_are_notes(full: Bank) -> None:
    with full.commit("more") as commit:
        first = commit.reserve(2)
        commit.append_features(VOLUME, np.ones((2, 8), np.float32), np.arange(first, first + 2))
        commit.append("aliases", [{"alias": "old", "digest": "0" * 32}])
    assert {(severity, what) for severity, what, _ in said(full.path)} >= {
        ("note", f"feature set {VOLUME.name!r}"),
        ("note", "alias 'old'"),
    }


def test_leftovers(full: Bank) -> None:
    (full.path / "tables" / "labels" / "0000000009-00000000.parquet").write_bytes(b"unlisted")
    (full.path / "tables" / "labels" / ".x.parquet.1234.tmp").write_bytes(b"half")
    (full.path / "notes.txt").write_text("mine")
    young = said(full.path)
    assert young == [("note", "notes.txt", "is not of scanbank's making")]
    for file in (full.path / "tables" / "labels").iterdir():
        age(file)
    assert {what for _, what, _ in said(full.path)} == {
        "notes.txt",
        "tables/labels/0000000009-00000000.parquet",
        "tables/labels/.x.parquet.1234.tmp",
    }
    done = repair(full.place)
    assert [one.what for one in done.after] == ["notes.txt"]
    assert (full.path / done.quarantine / "tables/labels/0000000009-00000000.parquet").read_bytes() == b"unlisted"
    assert json.loads((full.path / done.quarantine / "note.json").read_text()) == {
        "tables/labels/0000000009-00000000.parquet": "no snapshot listed it"
    }


def test_stale_and_damaged_copies_go(full: Bank) -> None:
    whole = contents(full.path)
    index = full.path / "indexes"
    add_labels(full, "late", {"v1": "1"})
    assert not any("indexes" in what for _, what, _ in said(full.path))
    with full.commit("more") as commit:
        commit.append_features(VOLUME, np.ones((1, 8), np.float32), np.array([commit.reserve(1)]))
    older = ("note", str(index / "i.json"), "(an index) is of an older version of its feature set")
    assert [one for one in said(full.path) if "indexes" in one[1]] == [older]
    vectors = index / "i.vectors"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"x")
    (index / "left").write_bytes(b"x")
    damaged = [("warning", str(index / name), "(an index) is not what was written") for name in ("i.json", "i.faiss", "i.vectors")]
    unnamed = ("warning", str(index / "left"), "(of an index) is named by no card")
    assert [one for one in said(full.path) if "indexes" in one[1]] == [*damaged, unnamed]
    copy = full.path / "cache" / "copy.npy"
    copy.write_bytes(b"short")
    assert ("warning", str(copy), "(a copy of what the bank holds) is not what was written") in said(full.path)
    mend(full)
    assert not copy.exists()
    assert list((full.path / "indexes").iterdir()) == []
    assert contents(full.path)["tags"] == whole["tags"]


def test_a_key_that_others_may_read(full: Bank) -> None:
    key = default_key_file(full.card["key"])
    key.chmod(0o644)
    assert only(findings(full.path)).problem == "(the key) may be read by others: its mode is 0644"
    mend(full)
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    assert [one.severity for one in findings(full.path)] == ["note"]


def test_the_first_snapshot_is_made_again_and_compaction_goes_on(full: Bank) -> None:
    whole = contents(full.path)
    (full.path / "features" / "snapshots" / FIRST).write_bytes(b"")
    assert only(findings(full.path)).what == f"features/snapshots/{FIRST}"
    mend(full)
    assert contents(full.path) == whole
    opened = Bank.open(full.path)
    compact(opened, keep=20, grace=timedelta(0))
    compact(opened, keep=1, grace=timedelta(0))
    assert is_sound(findings(full.path))
    assert snapshot_contents(Bank.open(full.path, at="late")) == whole["head"]


def test_a_compaction_that_was_stopped(full: Bank) -> None:
    (full.path / "compacting.json").write_text("{}")
    repository, head = full.repository, full.log()[0]
    repository.expire_snapshots(repository.lookup_snapshot(head.snapshot).written_at)
    assert {severity for severity, what, _ in said(full.path) if "snapshots" in what} == {"warning"}
    mend(full)
    assert not (full.path / "compacting.json").exists()
    assert Bank.open(full.path).log()[0].snapshot == head.snapshot


def test_a_bank_of_the_first_format_has_fewer_checks(full: Bank) -> None:
    shutil.rmtree(full.path / "checksums")
    (full.path / "bank.json").write_text(json.dumps({**full.card, "format": 1}))
    assert said(full.path) == [("note", "bank.json", "is of format 1, in which the vectors' own files have no digests")]


def test_whatever_the_bytes_there_is_an_answer(full: Bank) -> None:
    for file in files(full.path):
        file.write_bytes(b"\xff" * 50)
    assert not is_sound(findings(full.path))
    assert not is_sound(repair(full.place).after)


def test_an_unfinished_erasure_is_told_of_and_finished_by_a_compaction(full: Bank) -> None:
    full.place.write("forgetting/0123456789abcdef.json", b"not even JSON")
    found = [finding for finding in findings(full.path) if finding.severity != "note"]
    assert "is being forgotten" in str(only(found))
    compact(full)
    assert is_sound(findings(full.path))


def test_what_the_repository_had_on_its_way_is_no_damage(full: Bank) -> None:
    for part in ("chunks", "manifests", "snapshots", "refs/branch.main"):
        full.place.write(f"features/{part}/ZFC23HJ64Z635B1WG55G#1", b"half")
    assert is_sound(findings(full.path))
