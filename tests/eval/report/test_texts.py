from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval_banks import add_labels, toy_bank
from scanbank.eval.compare import compare_methods
from scanbank.eval.report import latex, markdown
from scanbank.eval.report.rows import ALL
from scanbank.eval.report.studies import shots_label
from scanbank.eval.sweep import sweep_all
from scanbank.store import Bank

NAME = r"a_b & 5% {x} | *y* $z$ <i>"


@pytest.fixture
def measured(bank: Bank) -> Bank:
    toy_bank(bank, finding=NAME)
    add_labels(bank, "lump", {f"v{i}": str(int(i % 4 == 1)) for i in range(60)})
    sweep_all(bank, [NAME, "lump"], ["knn", "linear"], [1, 5], 3)
    sweep_all(bank, [NAME, "lump"], ["knn", "linear"], [None], 1, command="probe")
    return bank


def rows_of(text: str, title: str) -> list[list[str]]:
    """The cells of the table that follows a heading."""
    after = text[text.index(title) :]
    lines = after[after.index("|") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_an_empty_bank_has_texts(bank: Bank) -> None:
    assert "No results yet" in markdown(bank)
    assert latex(bank).startswith("%")


def test_markdown_has_the_tables_numbers(measured: Bank) -> None:
    text = markdown(measured)
    chapter = text[text.index("## lump") :]
    few, full = rows_of(chapter, "### AUROC, few-shot"), rows_of(chapter, "### Full data")
    assert few[0] == ["method", "encoder", "window", "1 shot (n = 3)", "5 shots (n = 3)", "all"]
    assert {len(row) for row in few} == {6}
    (row,) = (row for row in few if row[0] == "knn" and row[1] == "toy")
    (one,) = measured.sql("""SELECT avg(value) AS mean, stddev_samp(value) AS sd FROM metrics
        WHERE metric = 'auroc' AND finding = 'lump' AND shots = 5 AND head = 'knn' AND encoder = 'toy'""").to_pylist()
    assert row[4].replace("*", "") == f"{one['mean']:.3f} ± {one['sd']:.3f}"
    assert full[0] == ["encoder", "window", "method", "AUROC", "AP", "F1", "Sensitivity", "Specificity"]
    assert all(re.fullmatch(r"\*{0,2}[\d.]+\*{0,2} \([\d.]+–[\d.]+\)", row[3]) for row in full[2:])
    for column in range(3, 6):
        values = [float(re.sub(r"\*|[ (±].*", "", row[column])) for row in few[2:]]
        bold = {value for value, row in zip(values, few[2:], strict=True) if row[column].startswith("**")}
        assert bold == {max(values)}


def test_the_macro_average_is_the_mean_of_the_findings(measured: Bank) -> None:
    text = markdown(measured)
    average = rows_of(text[text.index("## Mean over 2 findings") :], "### AUROC, few-shot")
    (row,) = (row for row in average if row[0] == "linear" and "flat" in row[1])
    (one,) = measured.sql("""SELECT avg(value) AS mean FROM metrics WHERE metric = 'auroc' AND run LIKE 'sweep-%' AND finding NOT LIKE '(%'
        AND head = 'linear' AND features LIKE 'flat%' AND shots = 5""").to_pylist()
    assert row[4].replace("*", "").startswith(f"{one['mean']:.3f} ± ")


def test_the_micro_average_is_of_all_items_together(measured: Bank) -> None:
    text = markdown(measured)
    average = rows_of(text[text.index("## All items of 2 findings together") :], "### AUROC, few-shot")
    (row,) = (row for row in average if row[0] == "knn" and "flat" in row[1])
    kept = measured.sql("""SELECT repeat, y, score FROM predictions JOIN runs USING (run) WHERE command = 'sweep' AND head = 'knn'
        AND features LIKE 'flat%' AND shots = 1""").to_pylist()
    by_repeat = [[(one["y"], one["score"]) for one in kept if one["repeat"] == repeat] for repeat in range(3)]
    # shares of votes are -1 to 1, and probabilities follow from them in order
    expected = np.mean([roc_auc_score(*zip(*pairs, strict=True)) for pairs in by_repeat])
    assert row[3].replace("*", "").startswith(f"{expected:.3f} ± ")


def test_names_are_no_markup(measured: Bank) -> None:
    assert r"## a\_b \& 5% \{x\} \| \*y\* \$z\$ \<i\>" in markdown(measured)
    text = latex(measured)
    assert r"a\_b \& 5\% \{x\} | *y* \$z\$ \textless{}i\textgreater{}" in text
    assert "±" not in text
    bare = re.sub(r"\\[\\{}$&#%_]", "", text)
    assert bare.count("{") == bare.count("}")


def test_latex_rows_have_as_many_cells_as_columns(measured: Bank) -> None:
    compare_methods(measured, "linear:toy/brain/volume", "knn:toy/brain/volume")
    text = latex(measured)
    tables = re.findall(r"\\begin\{tabular\}\{(l+r+)\}\n\\toprule\n(.+?)\\bottomrule", text, re.DOTALL)
    assert len(tables) == text.count(r"\begin{table}") > 20
    for columns, body in tables:
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows} == {len(columns)}
    assert "Differences" in text


def test_differences_are_those_that_were_found(measured: Bank) -> None:
    compare_methods(measured, "linear:toy/brain/volume", "knn:toy/brain/volume", findings=["lump"])
    text = markdown(measured)
    rows = rows_of(text[text.index("## lump") :], "### Differences")
    held = measured.sql("SELECT metric, shots, difference, p_holm FROM comparisons").to_pylist()
    found = {(row[0], row[3]): row for row in rows[2:]}
    assert len(found) == len(held)
    assert {one["shots"] for one in held} > {None}  # full data stands beside few shots
    for one in held:
        row = found[one["metric"].upper(), shots_label(ALL if one["shots"] is None else one["shots"])]
        assert row[6].startswith(f"{one['difference']:+.3f}".replace("+", r"\+"))
        said = "–" if one["p_holm"] is None else r"\< 0.001" if one["p_holm"] < 0.001 else f"{one['p_holm']:.3f}"
        assert row[8] == said
