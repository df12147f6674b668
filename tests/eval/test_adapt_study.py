"""A cross-domain study: every method of every backbone under every window is there, once, and the tables say what was found."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from adapt_banks import net_encoder, scans_bank
from scanbank.embed.adapt.recipe import Recipe
from scanbank.eval.adapt_found import Found
from scanbank.eval.adapt_study import HEADS, Compared, study
from scanbank.eval.adapt_tables import as_csv, few_table, full_table, markdown
from scanbank.eval.adapting import Place
from scanbank.store import Bank

QUICK = Recipe(method="full", epochs=1, batch=8)
ASKED = Compared(
    "bleed",
    ("net",),
    ("-200..200", "-100..300"),
    {"LoRA": QUICK, "partial fine-tuning": Recipe(method="partial", layers="lower:0.5", epochs=1)},
    shots=(1, 2),
    repeats=2,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return scans_bank(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("places")
    return Place(folder / "work", folder / "cache")


@pytest.fixture(scope="module")
def found(bank: Bank, place: Place) -> Found:
    return study(bank, ASKED, lambda _: net_encoder(), place)


def test_every_method_is_measured_once(found: Found) -> None:
    full = [(row.backbone, row.window, row.method, row.metric) for row in found.full]
    methods = ("linear probe", "LoRA", "partial fine-tuning")  # no zero-shot: this encoder takes no texts
    expected = [("net-volume", w, m, x) for w in ASKED.windows for m in methods for x in ("ap", "auroc", "f1")]
    assert sorted(full) == sorted(expected)
    few = [(row.window, row.method, row.shots, row.metric) for row in found.few]
    assert sorted(few) == sorted((w, h, k, x) for w in ASKED.windows for h in HEADS for k in (1, 2) for x in ("ap", "auroc", "f1"))
    assert all(row.mean is not None or row.reason for row in (*found.full, *found.few))
    assert any("no text side" in remark for remark in found.remarks)


def test_again_it_is_the_same_and_nothing_is_made(bank: Bank, place: Place, found: Found) -> None:
    snapshot = bank.snapshot.id
    again = study(bank, ASKED, lambda _: net_encoder(), place)
    assert (again.full, again.few) == (found.full, found.few)
    bank.refresh()
    assert bank.snapshot.id == snapshot


def test_tables_have_a_line_for_each_method_and_head(found: Found, tmp_path: Path) -> None:
    columns, lines = full_table(found)
    assert columns[2:] == [f"{window}: {title}" for window in ASKED.windows for title in ("AUROC", "F1")]
    assert [line[1] for line in lines] == ["linear probe", "LoRA", "partial fine-tuning"]
    assert all(cell for line in lines for cell in line)
    columns, lines = few_table(found)
    assert columns[3:] == ["1: AUROC", "1: AP", "2: AUROC", "2: AP"]
    assert len(lines) == len(ASKED.windows) * len(HEADS)
    assert markdown(columns, lines).count("\n") == len(lines) + 2
    read = list(csv.DictReader(io.StringIO(as_csv(found.few))))
    assert [float(row["mean"]) for row in read if row["mean"]] == [row.mean for row in found.few if row.mean is not None]
