from __future__ import annotations

import math

from scanbank.eval.report.rows import ALL, Cell, Cells, Method
from scanbank.eval.report.studies import FoundStudy
from scanbank.eval.report.tables import few_shot_tables, full_tables, study_tables


def study(cells: Cells) -> FoundStudy:
    return FoundStudy("bleed", "volume", "user", "table", (0, 3), {}, cells)


def of(*values: float, lo: float | None = None, hi: float | None = None, reason: str = "") -> Cell:
    return Cell("r", values, lo, hi, reason)


KNN, LINEAR = (Method(head, "e", "brain", "e/brain/volume") for head in ("knn", "linear"))
ZERO = Method("zeroshot", "e", "brain", "e/brain/volume")


def test_few_shots_by_hand() -> None:
    cells = {
        (KNN, 1.0, "auroc"): of(0.5, 0.7, 0.6),
        (LINEAR, 1.0, "auroc"): of(0.7, 0.7),
        (LINEAR, 5.0, "auroc"): of(reason="one class"),
        (ZERO, 0.0, "auroc"): of(0.9, lo=0.8, hi=0.95),
        (KNN, ALL, "brier"): of(0.1),
    }
    first, second = few_shot_tables(study(cells))
    assert (first.title, first.open, second.title, second.open) == ("AUROC, few-shot", True, "Brier score, few-shot", False)
    assert first.columns == ("zero-shot", "1 shot", "5 shots", "all")
    told = {row.names[0]: [(cell.text, cell.spread, cell.best) for cell in row.cells] for row in first.rows}
    empty = ("", "", False)
    assert told["zero-shot"] == [("0.900", "(0.800–0.950)", True), empty, empty, empty]
    assert told["knn"] == [empty, ("0.600", "± 0.100 (n = 3)", False), empty, empty]  # columns of unequal repeats say how many in each cell
    assert told["linear"] == [empty, ("0.700", "± 0.000 (n = 2)", True), ("–", "", False), empty]
    assert first.reasons == ["one class"]
    assert [row.first for row in first.rows] == [True, True, True]


def test_full_data_has_zero_shot_beside_it_and_the_lowest_brier_is_best() -> None:
    cells = {
        (KNN, ALL, "auroc"): of(0.8),
        (KNN, ALL, "brier"): of(0.1),
        (ZERO, 0.0, "auroc"): of(0.7),
        (ZERO, 0.0, "brier"): of(0.3),
        (LINEAR, 1.0, "auroc"): of(0.99),
    }
    first, second = full_tables(study(cells))
    assert [(row.names[2], row.cells[0].text, row.cells[0].best) for row in first.rows] == [
        ("zero-shot", "0.700", False),
        ("knn", "0.800", True),
    ]
    assert second.columns == ("Brier score ↓",)
    assert [row.cells[0].best for row in second.rows] == [False, True]
    assert [row.first for row in first.rows] == [True, False]


def test_zero_shot_alone_and_few_shots_alone_have_no_empty_tables() -> None:
    assert [table.title for table in study_tables(study({(ZERO, 0.0, "auroc"): of(0.7)}))] == ["Zero-shot"]
    assert [table.title for table in study_tables(study({(KNN, 1.0, "auroc"): of(0.7)}))] == ["AUROC, few-shot"]
    assert study_tables(study({})) == []


def test_sets_of_one_encoder_and_window_are_told_apart() -> None:
    grids = [Method("knn", "e", "brain", f"e/brain,{mm}x1x1mm/volume") for mm in (1, 2)]
    pooled = Method("knn", "e", "brain", "e/brain/slice/mean")
    (table, *_) = full_tables(study({(method, ALL, "auroc"): of(0.5) for method in (*grids, pooled)}))
    assert [row.names[0] for row in table.rows] == ["e/brain,1x1x1mm/volume", "e/brain,2x1x1mm/volume", "e (mean)"]
    assert all(math.isclose(float(row.cells[0].text), 0.5) for row in table.rows)
