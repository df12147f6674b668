"""The files in `indexes/` as searches meet them: used where they fit, made again where they do not, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scanbank.eval.best_slices import peaks
from scanbank.eval.indexes import Searcher, opening
from scanbank.eval.indexes.opening import open_index
from scanbank.store import Bank
from search_banks import Fixed, catalog, f32, put

QUERY = f32([1, 0, 0])


@pytest.fixture
def held(bank: Bank) -> Bank:
    ordinals = catalog(bank, range(30))
    put(bank, Fixed(QUERY), "volume", np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), ordinals)
    return bank


def answer(bank: Bank) -> tuple[list[float], list[int]]:
    found = Searcher(open_index(bank, bank.feature_sets[0])).search(QUERY, 5)
    return found.scores.tolist(), found.items.tolist()


def files(bank: Bank) -> list[Path]:
    return sorted((bank.path / "indexes").iterdir())


def test_a_file_that_fits_is_read_and_not_made_again(held: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(held)
    assert [path.suffix for path in files(held)] == [".arrays", ".vectors", ".json"]
    monkeypatch.setattr(opening, "make_index", None)
    assert answer(Bank.open(held.path)) == first


@pytest.mark.parametrize("what", ["arrays", "vectors", "json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "gone", "garbage"])
def test_a_file_that_does_not_fit_is_made_again(held: Bank, what: str, harm: str) -> None:
    first = answer(held)
    path = next(path for path in files(held) if path.suffix == f".{what}")
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        path.write_bytes({"cut": content[:50], "flip": flipped, "empty": b"", "garbage": bytes(range(256)) * 9}[harm])
    assert answer(Bank.open(held.path)) == first
    assert len(files(held)) == 3
    assert next(path for path in files(held) if path.suffix == f".{what}").stat().st_size == len(content)


def test_of_another_set_it_is_made_again(held: Bank) -> None:
    first = answer(held)
    card = next(path for path in files(held) if path.suffix == ".json")
    about = json.loads(card.read_text())
    card.write_text(json.dumps(about | {"set": "0" * 32}))
    assert answer(Bank.open(held.path)) == first
    assert json.loads(card.read_text())["set"] == held.feature_sets[0].digest


def test_what_comes_is_added_and_older_snapshots_are_answered_as_they_were(held: Bank) -> None:
    before, old = held.snapshot.id, answer(held)
    vectors = next(path for path in files(held) if path.suffix == ".vectors")
    kept = vectors.read_bytes()
    ordinals = catalog(held, [100])
    put(held, Fixed(QUERY), "volume", QUERY[None], ordinals)
    assert answer(held)[1][0] == ordinals[0]
    assert vectors.read_bytes() == kept + QUERY.tobytes()
    assert len(files(held)) == 3
    there = [path.read_bytes() for path in files(held)]
    assert answer(Bank.open(held.path, at=before)) == old
    assert [path.read_bytes() for path in files(held)] == there


def test_a_bank_that_cannot_be_written_to_is_searched(held: Bank) -> None:
    (held.path / "indexes").write_text("in the way")
    scores, items = answer(held)
    assert len(items) == 5
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("scores", "z", "expected"),
    [
        ([1, 5, 4, 3, 2], [0, 5, 10, 15, 20], [1, 4]),  # 4 and 3 lie within 15 mm of 5
        ([1, 5, 4, 3, 2], [0, 50, 100, 150, 200], [1, 2, 3]),
        ([3, 3, 3], [30, 15, 0], [0, 1, 2]),
        ([1, 5, 4, 3], [np.nan] * 4, [1, 3]),  # where nothing is known, neighbours
        ([], [], []),
    ],
)
def test_best_slices_lie_apart(scores: list[float], z: list[float], expected: list[int]) -> None:
    assert peaks(np.array(scores, dtype=np.float32), np.array(z, dtype=np.float64), 3) == expected
