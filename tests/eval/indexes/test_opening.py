"""Indexes of a bank as it grows, is compacted and forgets: what is found is what the bank holds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index_vectors import mixture, nearest
from scanbank.eval.indexes import Searcher, VectorIndex, build_index, cards, drop_index, open_index, unit
from scanbank.eval.indexes.making import extend_index
from scanbank.eval.indexes.storing import card_path, load, save
from scanbank.eval.indexes.vectors import Vectors, append
from scanbank.store import Bank
from scanbank.store.compact import compact
from scanbank.store.errors import BankLockedError, UsageError
from scanbank.store.forget import forget
from scanbank.store.index_folder import building
from search_banks import Fixed, catalog, put

ROWS, DIM = 2400, 8
VECTORS = mixture(ROWS + 700, DIM, 20, 3, 0)
ENCODER = Fixed(VECTORS[0])
QUERY = VECTORS[-1]


@pytest.fixture
def held(bank: Bank) -> Bank:
    put(bank, ENCODER, "volume", VECTORS[:ROWS], catalog(bank, range(ROWS), slices=1))
    return bank


def add(bank: Bank, start: int, count: int) -> NDArray[np.int64]:
    ordinals = catalog(bank, range(start, start + count), slices=1)
    put(bank, ENCODER, "volume", VECTORS[start : start + count], ordinals)
    return ordinals


def made(bank: Bank, kind: str = "hnsw") -> VectorIndex:
    return build_index(bank, bank.feature_sets[0], kind=kind)


def opened(bank: Bank) -> VectorIndex:
    bank.refresh()
    return open_index(bank, bank.feature_sets[0])


def top(index: VectorIndex, query: NDArray[np.float32] = QUERY) -> list[int]:
    return Searcher(index).search(query, 10).items.tolist()


def right(bank: Bank, query: NDArray[np.float32] = QUERY) -> list[int]:
    features = bank.feature_sets[0]
    present = bank.sql("SELECT ordinal FROM volumes").column("ordinal").to_pylist()
    return nearest(features.vectors().astype(np.float32), features.items(), query, 10, present)[0]


def kind_of(name: str) -> str:
    return name.rpartition(".")[2]


def files(bank: Bank) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (bank.path / "indexes").iterdir()}


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_is_used_extended_and_never_replaced_by_a_search(held: Bank, kind: str) -> None:
    made(held, kind)
    before = files(held)
    assert opened(held).card.kind == kind
    assert files(held) == before
    (ordinal,) = add(held, ROWS, 1)
    found = opened(held)
    assert (found.card.kind, found.card.rows, found.card.built_rows) == (kind, ROWS + 1, ROWS)
    assert top(found, VECTORS[ROWS])[0] == ordinal
    after = files(held)
    assert {kind_of(name) for name in after} == {"json", "vectors", "arrays", "faiss", "tail"}
    assert {kind_of(name) for name in after.keys() & before.keys()} == {"json", "vectors", "arrays", "faiss"}
    for name in after.keys() & before.keys():
        more = unit(VECTORS[ROWS : ROWS + 1]).tobytes() if kind_of(name) == "vectors" else b""
        assert kind_of(name) == "json" or after[name] == before[name] + more
    assert cards(held)[0][1]
    assert len(set(top(found)) & set(right(held))) >= 9


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_many_additions_are_linked_and_read_again_as_they_were(held: Bank, kind: str) -> None:
    assert made(held, kind).card.tail == 200
    tails, seen = [], []
    for start in range(ROWS, ROWS + 500, 100):
        add(held, start, 100)
        held.refresh()
        tails.append(made(held, kind).card.tail)
        again = opened(held)
        seen.append({name for name in files(held) if kind_of(name) == "faiss"})
        assert again.items.tolist() == sorted(held.sql("SELECT ordinal FROM volumes").column("ordinal").to_pylist())
        for row in (0, ROWS - 1, start, start + 99):
            assert top(again, VECTORS[row])[0] == right(held, VECTORS[row])[0]
    assert tails == [300, 400, 500, 0, 100]
    assert [len(one) for one in seen] == [1] * 5
    assert seen[0] == seen[1] == seen[2] != seen[3] == seen[4]


def test_a_row_that_was_replaced_stays_so_in_the_files(held: Bank) -> None:
    index = made(held)
    folder, item = held.path / "indexes", int(index.ids[5])
    path = folder / index.card.files["vectors"]
    parts = (*index.card.parts, *append(path, ROWS, iter([-index.vectors.rows[5:6]]), DIM))
    extended = extend_index(index, Vectors.mapped(path, parts, DIM), np.array([item]))
    save(held, folder, replace(extended, card=replace(extended.card, parts=parts)), path)
    again, why = load(card_path(folder, index.card.set, ""), index.card.set, "", DIM)
    assert why == ""
    assert again is not None
    assert (again.card.tombstones, np.flatnonzero(again.dead).tolist(), int(again.ids[ROWS])) == (1, [5], item)
    assert top(again, -index.vectors.rows[5])[0] == item
    assert item not in top(again, index.vectors.rows[5])


def test_an_index_that_is_replaced_while_it_is_read_is_read_again(held: Bank, caplog: pytest.LogCaptureFixture) -> None:
    made(held)
    armed = [True]
    features = held.feature_sets[0]

    def grow(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and armed and str(arguments[0]).endswith(".arrays"):
            armed.clear()
            add(held, ROWS, 1)
            made(held)

    sys.addaudithook(grow)
    stale = Bank.open(held.path)
    found = open_index(stale, features)
    assert not armed
    assert (found.card.kind, found.card.rows) == ("hnsw", ROWS + 1)
    assert "is not used" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("renames", range(3))
def test_an_addition_that_is_killed_leaves_the_index_that_was(held: Bank, renames: int) -> None:
    made(held)
    add(held, ROWS, 50)
    held.refresh()
    expected = right(held, VECTORS[ROWS])
    code = f"""
import os, sys
from scanbank.store import Bank
from scanbank.eval.indexes import build_index
bank = Bank.open({str(held.path)!r})
seen = []
def kill(event, arguments):
    if event == "os.rename":
        seen.append(arguments)
        if len(seen) > {renames}:
            os._exit(9)
sys.addaudithook(kill)
build_index(bank, bank.feature_sets[0])"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    before, why = load(card_path(held.path / "indexes", held.feature_sets[0].digest, ""), held.feature_sets[0].digest, "", DIM)
    assert why == ""
    assert before is not None
    assert before.card.rows == ROWS
    found = opened(held)
    assert (found.card.kind, found.card.rows) == ("hnsw", ROWS + 50)
    assert top(found, VECTORS[ROWS]) == expected
    assert {kind_of(name) for name in files(held)} == {"json", "vectors", "arrays", "faiss", "tail"}


def test_what_went_is_passed_over_and_many_of_them_make_it_anew(held: Bank) -> None:
    made(held)
    gone = held.sql("SELECT ordinal, volume FROM volumes ORDER BY ordinal").to_pylist()
    best = set(right(held)[:3])

    def hide(rows: list[dict[str, object]]) -> None:
        with held.commit("hide") as commit:
            old = {row["volume"]: row for row in held.snapshot.rows("volumes")}
            commit.append("volumes", [old[row["volume"]] | {"replaced_by": "x"} for row in rows])
        held.refresh()

    hide([row for row in gone if row["ordinal"] in best])
    found = opened(held)
    assert (found.card.kind, found.card.tombstones) == ("hnsw", 3)
    assert best.isdisjoint(top(found))
    assert top(found) == right(held)
    hide(gone[: ROWS // 4])
    assert opened(held).card.kind == "exact"  # until it is made again
    assert top(opened(held)) == right(held)
    again = made(held)
    assert (again.card.kind, again.card.tombstones, again.card.rows) == ("hnsw", 0, len(again.ids))
    assert again.card.rows < ROWS


@pytest.mark.parametrize(
    ("suffix", "harm"),
    [
        ("json", "flip"),
        ("json", "deep"),
        ("arrays", "flip"),
        ("arrays", "gone"),
        ("vectors", "flip"),
        ("vectors", "cut"),
        ("faiss", "flip"),
        ("faiss", "foreign"),
        ("tail", "flip"),
        ("tail", "gone"),
    ],
)
def test_damage_is_never_searched_nor_mended_in_secret(held: Bank, suffix: str, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    made(held)
    path = next(path for path in (held.path / "indexes").iterdir() if path.suffix == f".{suffix}")
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 64]) + data[middle + 1 :]
        path.write_bytes({"cut": data[:middle], "flip": flipped, "foreign": bytes(range(256)) * 40, "deep": b"[" * 100_000}[harm])
    assert top(opened(held)) == right(held)
    assert made(held).card.kind == "hnsw"
    assert opened(held).card.kind == "hnsw"
    assert ("until `scanbank index` makes it again" in caplog.text) == (suffix != "json")


def test_a_bank_that_went_another_way_is_noticed(held: Bank) -> None:
    made(held)
    (held.path / "indexes").rename(held.path / "aside")
    with held.commit("other") as commit:
        group = commit.root[f"sets/{held.feature_sets[0].digest}"]
        group["vector"][:] = -VECTORS[:ROWS]  # type: ignore[index]
        group.attrs["stamp"] = "other"
    held.refresh()
    (held.path / "aside").rename(held.path / "indexes")
    assert top(opened(held)) == right(held)


def test_compaction_keeps_it_and_forgetting_does_not(held: Bank) -> None:
    made(held)
    before = files(held)
    compact(held)
    assert files(held) == before
    assert build_index(held, held.feature_sets[0]).card.kind == "hnsw"  # auto stays with what is there
    assert files(held) == before  # and writes nothing where nothing came
    assert unit(VECTORS[:1]).tobytes() in b"".join(before.values())
    volume = held.sql("SELECT patient, ordinal FROM volumes ORDER BY ordinal LIMIT 1").to_pylist()[0]
    forget(held, pseudonyms=[volume["patient"]])
    assert list((held.path / "indexes").iterdir()) == []
    (held.path / "indexes" / ".left.tmp").write_bytes(b"by a process that was killed")
    forget(held, pseudonyms=[held.sql("SELECT patient FROM volumes LIMIT 1").to_pylist()[0]["patient"]])
    assert list((held.path / "indexes").iterdir()) == []
    found = made(held)
    assert volume["ordinal"] not in found.items
    assert unit(VECTORS[:1]).tobytes() not in b"".join(files(held).values())


def test_forgetting_while_an_index_is_made_leaves_nothing(held: Bank) -> None:
    stale = Bank.open(held.path)
    features = stale.feature_sets[0]
    patient = held.sql("SELECT patient FROM volumes LIMIT 1").to_pylist()[0]["patient"]
    forget(held, pseudonyms=[patient])
    with pytest.raises(OSError, match="forgotten"):
        build_index(stale, features)
    folder = held.path / "indexes"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_one_at_a_time(held: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanbank.eval.indexes.opening._WAIT_S", 0.0)
    with building(held, 0.0), pytest.raises(BankLockedError, match="another process has been making an index"):
        made(held)
    with building(held, 0.0):
        assert top(opened(held)) == right(held)  # searched all the same
    assert not (held.path / "indexes").exists()


@pytest.mark.slow
def test_two_processes_make_the_same(held: Bank) -> None:
    code = f"""
from scanbank.store import Bank
from scanbank.eval.indexes import build_index
bank = Bank.open({str(held.path)!r})
print(build_index(bank, bank.feature_sets[0], kind="hnsw").card.files["vectors"])"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[0].strip() for process in started]
    assert told[0] == told[1]  # the second found it made
    assert top(opened(held)) == right(held)


def test_what_cannot_be_asked(held: Bank) -> None:
    features = held.feature_sets[0]
    with pytest.raises(UsageError, match="'tree' is unknown; choose one of auto, exact, hnsw, ivfpq"):
        build_index(held, features, kind="tree")
    with pytest.raises(UsageError, match="cannot be pooled by 'mean'"):
        open_index(held, features, "mean")
    old = Bank.open(held.path, at=held.snapshot.id)
    with pytest.raises(UsageError, match="open it without `at`"):
        build_index(old, features)
    assert not drop_index(held, features)


def test_nothing_is_written_outside_the_folder(held: Bank, tmp_path: Path) -> None:
    made(held, "exact")
    names = {path.name for path in (held.path / "cache").iterdir()}
    assert names <= {".lock", ".indexes.building", ".indexes.placing"}
