"""Work shared between this process and its helpers is done once for each item, whatever becomes of the helpers."""

from __future__ import annotations

import pytest

from processes import failing, fragile, slowly
from scanbank.store.readers.spread import CHUNK, _worth_helping, spread


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers start whatever there is to do."""
    monkeypatch.setattr("scanbank.store.readers.spread._PACE_SECONDS", 0.0)
    monkeypatch.setattr("scanbank.store.readers.spread.WORTH_SECONDS", 0.0)


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once_in_its_place(count: int, workers: int) -> None:
    found = dict(spread(str, range(count), workers))
    assert [text for at in sorted(found) for text in found[at]] == [str(n) for n in range(count)]
    assert sorted(found) == list(range(0, count, CHUNK))


@pytest.mark.usefixtures("_at_once")
def test_a_helper_takes_its_share() -> None:
    found = dict(spread(slowly, range(32 * CHUNK), 2))
    results = [result for at in sorted(found) for result in found[at]]
    assert [number for number, _ in results] == [2 * n for n in range(32 * CHUNK)]
    assert {helped for _, helped in results} == {True, False}


@pytest.mark.usefixtures("_at_once")
def test_a_helper_that_dies_loses_nothing() -> None:
    found = dict(spread(fragile, range(16 * CHUNK), 2))
    assert [n for at in sorted(found) for n in found[at]] == [2 * n for n in range(16 * CHUNK)]


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through(workers: int) -> None:
    with pytest.raises(ValueError, match="seventy"):
        list(spread(failing, range(100), workers))


@pytest.mark.parametrize(
    ("elapsed", "done", "left", "worth"),
    [(0.05, 1, 1_000_000, False), (0.2, 10, 90, False), (0.2, 10, 101, True), (5.0, 10, 4, False), (5.0, 10, 5, True)],
)
def test_helpers_start_for_more_than_two_seconds_of_work(elapsed: float, done: int, left: int, worth: bool) -> None:
    assert _worth_helping(elapsed, done, left) is worth
