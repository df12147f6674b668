"""What a study says of itself: the ordering as found, with intervals, and how much of it is clear of chance."""

from __future__ import annotations

import csv
import io

from scanbank.eval.adapt_found import Apart, Examined, Found, Row
from scanbank.eval.adapt_said import few_ordering, ordering, reserve
from scanbank.eval.adapt_tables import apart_csv, full_table


def row(method: str, mean: float | None, window: str = "brain", shots: int | None = None, lo: float | None = 0.4) -> Row:
    return Row("tiny@1", window, method, shots, "auroc", mean, None, lo, 0.9, "" if mean is not None else "one class")


def apart(value: float | None, p_holm: float | None, second: tuple[str, str] = ("tiny@1", "linear probe")) -> Apart:
    return Apart("brain", ("tiny@1", "LoRA"), second, value, -0.1, 0.3, p_holm, p_holm, "" if value is not None else "one class")


def test_the_ordering_is_stated_as_found() -> None:
    rows = row("linear probe", 0.7), row("LoRA", 0.9, lo=None), row("partial", None), row("zero-shot", 0.8), row("LoRA", None, "bone")
    found = Found("bleed", rows, (), ())
    assert ordering(found) == [
        "tiny@1, brain: LoRA 0.900, zero-shot 0.800 (0.400..0.900), linear probe 0.700 (0.400..0.900)",
        "tiny@1, bone: nothing could be measured",
    ]
    assert full_table(found)[1][0] == ["tiny@1", "linear probe", "0.700 (0.400..0.900)", "", "", ""]
    assert reserve(found) == []  # nothing is known of who tested


def test_heads_are_ordered_at_the_most_shots() -> None:
    few = row("knn", 0.9, shots=1), row("knn", 0.6, shots=5), row("linear", 0.7, shots=5), row("knn", None, "bone", 5)
    assert few_ordering(Found("bleed", (), few, ())) == [
        "tiny@1, brain, 5 shots: linear 0.700, knn 0.600",
        "tiny@1, bone, 5 shots: nothing could be measured",
    ]


def test_it_says_who_tested_and_how_wide_intervals_are() -> None:
    found = Found("bleed", (row("LoRA", 0.7), row("zero-shot", 0.5, lo=0.2)), (), (), Examined(12, 5, 9))
    assert reserve(found) == ["tested on 12 volumes of 9 patients, 5 with bleed and 7 without; 95% intervals are 0.50 to 0.70 wide"]


def test_it_says_which_differences_are_clear_of_chance() -> None:
    one, backbones = apart(0.1, 0.04), apart(0.1, 0.9, ("other@1", "LoRA"))
    said = reserve(Found("bleed", (), (), (), None, (one, apart(0.2, 0.06), apart(None, None), backbones)))
    how = "clear of chance (paired, Holm's p under 0.05)"
    assert said == [
        f"of 2 differences from the linear probe, 1 is {how}; other patients may turn the rest round:",
        "  brain: tiny@1: LoRA +0.100 (-0.100..+0.300) from tiny@1: linear probe",
        f"of 1 differences between backbones, none is {how}; other patients may turn them round",
    ]
    assert reserve(Found("bleed", (), (), (), None, (one, one)))[0].endswith(f"2 are {how}:")


def test_every_difference_is_kept_at_full_precision() -> None:
    rows = list(csv.DictReader(io.StringIO(apart_csv([apart(1 / 3, 0.5), apart(None, None)]))))
    assert [(one["first"], one["second"]) for one in rows] == [("tiny@1: LoRA", "tiny@1: linear probe")] * 2
    assert float(rows[0]["value"]) == 1 / 3
    assert (rows[1]["value"], rows[1]["reason"]) == ("", "one class")
