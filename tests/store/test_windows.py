from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store import Window, parse_window
from scanbank.store.errors import UnknownNameError, UsageError
from scanbank.store.windows import PRESETS, parse_windows


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("brain", 0, 80),
        ("40/80", 0, 80),
        ("0..80", 0, 80),
        ("blood", 0, 80),
        ("Lung", -1350, 150),
        ("-600/1500", -1350, 150),
        ("-20..180", -20, 180),
        (".5/3", -1, 2),
        ("50/150.5e1", -702.5, 802.5),
        ("-.5..1.", -0.5, 1),
    ],
)
def test_window_by_name_level_width_or_range(text: str, lo: float, hi: float) -> None:
    assert parse_window(text) == Window(lo, hi)


def test_equal_numbers_have_one_label() -> None:
    assert parse_window("blood").label == parse_window("40/80").label == "brain"
    assert parse_window("1..2.5").label == "1..2.5"


def test_unknown_window_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'brain'") as caught:
        parse_window("brian")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", " ", "brain+", ".", "./3", "1e/3", "nan/3", "1_0/3"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UnknownNameError):
        parse_windows(text)


@pytest.mark.parametrize("text", ["40/0", "40/-80", "80..0", "5..5"])
def test_empty_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_window(text)


def test_channels_are_joined_by_plus() -> None:
    assert parse_windows("brain+bone") == (PRESETS["brain"], PRESETS["bone"])
    assert parse_windows("as-is") == ()


@given(st.integers(-2000, 3000), st.integers(1, 4000))
def test_level_width_and_range_agree(level: int, width: int) -> None:
    assert parse_window(f"{level}/{width}") == parse_window(f"{level - width / 2}..{level + width / 2}")


def test_what_could_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(UsageError, match="has three dots"):
        parse_window("-1000...1000")
    for text in ("brain+as-is", "AS-IS+brain"):
        with pytest.raises(UsageError, match="joins as-is to others"):
            parse_windows(text)


def test_the_same_numbers_are_the_same_window_however_they_are_written() -> None:
    assert parse_window("0.15/0.1") == parse_window("0.1..0.2")
    assert parse_window("40/80") == parse_window("0..80") == parse_window("4e1/8e1")
