"""A cross-domain study: every method of every backbone under every window is there, once, and the tables say what was found."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from adapt_banks import net_encoder, scans_bank
from scanbank.embed.adapt.recipe import Recipe
from scanbank.eval.adapt_found import Found
from scanbank.eval.adapt_study import HEADS, Compared, study
from scanbank.eval.adapt_tables import as_csv, few_table, full_table, markdown
from scanbank.eval.adapting import Place
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.progress import Silent

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


def test_differences_are_of_the_scores_that_are_kept(bank: Bank, found: Found) -> None:
    rows = bank.sql("SELECT head, features, item, y, score FROM predictions WHERE shots IS NULL").to_pylist()
    items = {row["item"]: row["y"] for row in rows}
    assert found.tested is not None
    assert (found.tested.items, found.tested.present, found.tested.unit) == (len(items), sum(items.values()), "volume")
    means = {(row.window, row.method): row.mean for row in found.full if row.metric == "auroc"}
    assert [(one.window, one.first, one.second) for one in found.apart] == [
        (window, ("net-volume", method), ("net-volume", "linear probe"))
        for window in ASKED.windows
        for method in ("LoRA", "partial fine-tuning")
    ]
    for one in found.apart:
        first, second = means[one.window, one.first[1]], means[one.window, one.second[1]]
        assert first is not None
        assert second is not None
        assert one.value == pytest.approx(first - second, abs=1e-9)
        assert (one.p is not None and one.p_holm is not None and one.p_holm >= one.p) or one.reason


def test_mistakes_end_it_before_anything_is_embedded(bank: Bank, place: Place, found: Found) -> None:
    del found  # what it embedded is there already
    before = bank.snapshot.id
    for wrong, said in (
        (replace(ASKED, shots=(1, 500)), "500 shots"),
        (replace(ASKED, backbones=("net", "again")), "are the same encoder, net-volume"),
        (replace(ASKED, recipes={"LoRA": Recipe(method="adapters", layers="lower:0")}), "expected a fraction"),
    ):
        with pytest.raises(UsageError, match=said):
            study(bank, wrong, lambda _: net_encoder(), place)
    bank.refresh()
    assert bank.snapshot.id == before


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


def test_other_settings_make_another_child(bank: Bank, place: Place, found: Found) -> None:
    asked = replace(ASKED, windows=ASKED.windows[:1], recipes={"LoRA": replace(QUICK, seed=1)}, shots=(1,), repeats=1)
    again = study(bank, asked, lambda _: net_encoder(), place)
    names = {row["name"] for row in bank.sql("SELECT name FROM encoders WHERE parent IS NOT NULL").to_pylist()}
    assert len(names) == 5  # two methods under two windows, and this one
    assert sum("full-bleed--200..200" in name for name in names) == 2
    assert [row for row in again.full if row.method == "linear probe"] == [
        row for row in found.full if (row.method, row.window) == ("linear probe", asked.windows[0])
    ]


class Stopped(Silent):
    """Ctrl-C while scans are embedded: the stages that were begun."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def start(self, stage: str, total: int | None = None) -> None:
        self.stages.append(stage)

    def advance(self, steps: int = 1, note: str = "") -> None:
        if "embedding" in self.stages[-1]:
            raise KeyboardInterrupt


def test_ctrl_c_while_it_embeds_ends_it(tmp_path: Path) -> None:
    bank, stopped = scans_bank(tmp_path), Stopped()
    with pytest.raises(KeyboardInterrupt):
        study(bank, ASKED, lambda _: net_encoder(), Place(tmp_path / "work", tmp_path / "cache"), stopped)
    assert stopped.stages == ["1/2 net, -200..200: embedding with net-volume"]
    assert not bank.sql("SELECT 1 FROM encoders WHERE parent IS NOT NULL").num_rows
