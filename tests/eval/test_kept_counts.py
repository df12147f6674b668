"""Counts of words that are kept beside a bank: those of its reports as they are, and gone with a patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanbank.eval.bm25_texts import PARTS, Bm25, counted
from scanbank.eval.kept_counts import kept_counts
from scanbank.eval.report_texts import words_of
from scanbank.store import Bank
from scanbank.store.forget import forget
from search_banks import reports

SAID = [(0, "Cyst in the liver, zanzibar."), (1, "Größe 3 mm, kein Erguss."), (2, "Large effusion, no cyst.")]


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.steps = 0

    def start(self, stage: str, total: int | None = None) -> None:
        self.stages.append((stage, total))

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.steps += steps


@pytest.fixture
def held(bank: Bank) -> Bank:
    reports(bank, SAID)
    return bank


def counts(bank: Bank) -> tuple[Bm25, bool]:
    """The counts of a bank that was just opened, and whether words had to be read for them."""
    opened, read = Bank.open(bank.path), list[bool]()

    def texts() -> Sequence[str]:
        read.append(True)
        return words_of(opened)

    return kept_counts(opened, "pieces", len(words_of(opened)), texts, Told()), bool(read)


def copies(bank: Bank) -> list[Path]:
    return sorted((bank.path / "cache").glob("*.npy"))


def test_the_second_time_the_same_is_found_without_reading_a_text(held: Bank) -> None:
    first, read = counts(held)
    assert read
    again, read = counts(held)
    assert not read
    for query in ("cyst", "große größe", "no effusion zanzibar", "nothing"):
        np.testing.assert_array_equal(again.scores(query), first.scores(query))
        np.testing.assert_array_equal(again.scores(query), counted([text for _, text in SAID]).scores(query))
    assert len(copies(held)) == len(PARTS)
    assert {path.stat().st_mode & 0o777 for path in copies(held)} == {0o600}
    assert all(np.load(path, allow_pickle=False) is not None for path in copies(held))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "of another"])
def test_a_copy_that_is_not_what_was_written_is_made_anew(held: Bank, part: str, harm: str) -> None:
    first, _ = counts(held)
    (path,) = (path for path in copies(held) if path.name.endswith(f".{part}.npy"))
    data = bytearray(path.read_bytes())
    if harm == "flipped":
        data[-9] ^= 1
    elif harm == "cut":
        del data[-5:]
    elif harm == "of another":
        other = PARTS[0] if part != PARTS[0] else PARTS[1]
        data = bytearray(next(path for path in copies(held) if path.name.endswith(f".{other}.npy")).read_bytes())
    path.write_bytes(data)
    if harm == "gone":
        path.unlink()
    again, read = counts(held)
    assert read
    np.testing.assert_array_equal(again.scores("cyst"), first.scores("cyst"))
    assert counts(held)[1] is False


def test_reports_that_come_or_change_are_counted_and_what_was_before_goes(held: Bank) -> None:
    counts(held)
    before = copies(held)
    reports(held, [*SAID, (3, "A cyst, a cyst.")])
    now, read = counts(held)
    assert read
    assert len(now) == 4
    assert set(before).isdisjoint(copies(held))
    assert len(copies(held)) == len(PARTS)


def test_words_of_a_forgotten_patient_are_in_no_file_and_do_not_come_back(held: Bank) -> None:
    stale = Bank.open(held.path)
    assert len(words_of(stale)) == 3  # which fixes its snapshot
    counts(held)
    kept_counts(held, "reports", 3, lambda: words_of(held), Told())

    def says_it() -> bool:
        return any(b"zanzibar" in path.read_bytes() for path in held.path.rglob("*") if path.is_file())

    assert any(b"zanzibar" in path.read_bytes() for path in copies(held))
    forget(held, pseudonyms=["p0"])
    assert not says_it()
    # who had read the bank before keeps nothing of it
    kept_counts(stale, "pieces", 3, lambda: [text for _, text in SAID], Told())
    assert not says_it()
    now, _ = counts(held)
    assert len(now) == 2
    assert now.scores("zanzibar").tolist() == [0, 0]
    assert not says_it()


def test_counting_is_told_where_it_takes_long(bank: Bank) -> None:
    told: Any = Told()
    made = kept_counts(bank, "pieces", 6_000, lambda: [f"word{n} nodule" for n in range(6_000)], told)
    assert told.stages == [("counting the words of reports", 6_000), ("weighing the words of reports", None)]
    assert told.steps == 6_000
    assert (made.scores("nodule word17") > 0).sum() == 6_000
    quiet: Any = Told()
    kept_counts(bank, "other", 1, lambda: ["nodule"], quiet)
    assert quiet.stages == []


def test_without_room_it_is_counted_each_time(held: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANBANK_CACHE_BYTES", "0")
    for _ in range(2):
        assert counts(held)[1]
    assert copies(held) == []


def test_parts_that_do_not_belong_together_are_refused() -> None:
    parts, others = counted(["one two", "two three"]).parts, counted(["four five six seven", "eight"]).parts
    with pytest.raises(ValueError, match="belong together"):
        Bm25({**parts, "words": others["words"]})
