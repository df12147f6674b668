"""The files in `indexes/`: used where they fit, made again where they do not, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scanbank.eval import index_files
from scanbank.eval.best_slices import peaks
from scanbank.eval.index_files import volume_index
from scanbank.store import Bank
from search_banks import Fixed, catalog, f32, put

QUERY = f32([1, 0, 0])


@pytest.fixture
def held(bank: Bank) -> Bank:
    ordinals = catalog(bank, range(30))
    put(bank, Fixed(QUERY), "volume", np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), ordinals)
    return bank


def answer(bank: Bank) -> tuple[list[float], list[int]]:
    index = volume_index(bank, bank.feature_sets[0])
    scores, items = index.search(QUERY, index.items, 5)
    return scores.tolist(), items.tolist()


def files(bank: Bank) -> list[Path]:
    return sorted((bank.path / "indexes").iterdir())


def test_a_file_that_fits_is_read_and_not_made_again(held: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(held)
    names = [path.name for path in files(held)]
    assert len(names) == 2
    assert all(held.snapshot.id in name for name in names)
    monkeypatch.setattr(index_files, "_build", None)
    assert answer(Bank.open(held.path)) == first


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "gone", "card", "text", "format"])
def test_a_file_that_does_not_fit_is_made_again(held: Bank, harm: str) -> None:
    first = answer(held)
    index, card = files(held)
    content = index.read_bytes()
    if harm == "gone":
        index.unlink()
    elif harm == "text":
        card.write_text("no JSON")
    elif harm in ("card", "format"):
        card.write_text(json.dumps(json.loads(card.read_text()) | ({"set": "other"} if harm == "card" else {"format": 0})))
    else:
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        index.write_bytes({"cut": content[:50], "flip": flipped, "empty": b""}[harm])
    assert answer(Bank.open(held.path)) == first
    assert index.read_bytes() == content


def test_a_new_snapshot_has_a_new_file_and_the_old_one_goes(held: Bank) -> None:
    before, old = held.snapshot.id, answer(held)
    ordinals = catalog(held, [100])
    put(held, Fixed(QUERY), "volume", QUERY[None], ordinals)
    assert answer(held)[1][0] == ordinals[0]
    assert all(held.snapshot.id in path.name for path in files(held))
    assert len(files(held)) == 2
    assert answer(Bank.open(held.path, at=before)) == old  # as it was, and what is newer stays
    assert len(files(held)) == 4


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
