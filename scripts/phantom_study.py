"""What `tiny` and `intensity` reach on phantoms: `python -m scanbank.scripts.phantom_study WORK --page docs/phantoms.md`.

Cohorts go the way that any scan goes: written as DICOM, ingested, embedded. The figures replace what stands between the markers of
the page. WORK keeps what was made, so that a second run measures again in seconds.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scanbank.embed import open_encoder
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.scripts.tiny.banks import phantom_bank, scanbank
from scanbank.scripts.tiny.data import finding_names
from scanbank.scripts.tiny.draws import patient_draws, with_interval
from scanbank.scripts.tiny.scores import aurocs, prompt_margins, recall_at
from scanbank.store import Bank

from .pages import write_between

BEGIN, END = "<!-- figures: written by scripts/phantom_study.py -->", "<!-- end of figures -->"
PATIENTS = 80
TRAINED_ON, TESTED_ON = 101, 202
"""Seeds of the cohorts; `tiny` was trained on another."""
MAKERS = {"siemens": "A", "ge": "B", "philips": "C", "toshiba": "D"}
POOL = 100


@dataclass(frozen=True)
class Cases:
    """The primary series of a cohort, in one order."""

    patient: NDArray[Any]
    source: NDArray[Any]
    labels: NDArray[Any]
    """(N, findings) of 0 and 1."""
    tiny: NDArray[Any]
    """(N, D)."""
    intensity: NDArray[Any]
    """(N, D): mean over a scan's slices."""
    report: NDArray[Any]

    def __len__(self) -> int:
        return len(self.patient)

    def at(self, rows: NDArray[Any]) -> Cases:
        return Cases(*(getattr(self, field.name)[rows] for field in fields(self)))


def cases(work: Path, cohort: str, seed: int) -> Cases:
    """Make a cohort and its bank where they are not there yet, and read the bank."""
    name = f"{cohort}-{seed}"
    bank = phantom_bank(work, name, cohort, PATIENTS, seed)
    for encoder in ("tiny", "intensity"):
        scanbank("embed", bank, "--encoder", encoder)
    return _read(Bank.open(bank, key_file=work / f"{name}.key"), work / name, [*COHORTS[cohort].labels_of(frozenset())])


def _read(bank: Bank, phantoms: Path, findings: Sequence[str]) -> Cases:
    rows = bank.sql(
        """SELECT v.ordinal, v.patient, v.study, v.volume, v.slices, v.slice_ordinal, a.value AS maker FROM volumes v
        JOIN attributes a ON a.item = v.volume AND a.name = 'manufacturer' WHERE v.is_primary ORDER BY v.ordinal"""
    ).to_pylist()
    said = {(row["item"], row["finding"]): row["value"] for row in bank.sql("SELECT item, finding, value FROM labels").to_pylist()}
    with (phantoms / "reports.csv").open(newline="", encoding="utf-8") as file:
        reports = {bank.key.pseudonym("study", row["study_uid"]): row["report"] for row in csv.DictReader(file)}
    ordinals = np.array([row["ordinal"] for row in rows])
    slices = bank.features("intensity/ctclip/slice")
    means = [slices.of(np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"])).mean(0) for row in rows]
    tiny = next(found for found in bank.feature_sets if found.key.kind == "volume" and found.key.encoder.name.startswith("tiny@"))
    return Cases(
        patient=np.array([row["patient"] for row in rows]),
        source=np.array([MAKERS[row["maker"]] for row in rows]),
        labels=np.array([[int(said[row["volume"], finding]) for finding in findings] for row in rows]),
        tiny=tiny.of(ordinals),
        intensity=np.stack(means),
        report=np.array([reports[row["study"]] for row in rows], dtype=object),
    )


def interval(found: Cases, score: Callable[[Cases, NDArray[Any]], float | None]) -> str:
    """A score and its 95% interval."""
    whole = score(found, np.arange(len(found)))
    if whole is None:
        return "one class only"
    values = (score(found, rows) for (rows,) in patient_draws(found.patient))
    return with_interval(whole, (np.nan if value is None else value for value in values))


def auroc_cell(found: Cases, margins: NDArray[Any], column: int) -> str:
    """AUROC of one finding with its interval."""

    def score(which: Cases, rows: NDArray[Any]) -> float | None:
        return aurocs(margins[rows, column, None], which.labels[rows, column, None])[0]

    return interval(found, score)


def mean_cell(found: Cases, margins: NDArray[Any]) -> str:
    """Mean AUROC over the findings with its interval."""

    def score(which: Cases, rows: NDArray[Any]) -> float | None:
        known = [value for value in aurocs(margins[rows], which.labels[rows]) if value is not None]
        return float(np.mean(known)) if known else None

    return interval(found, score)


def probes(train: Cases, test: Cases, name: str) -> NDArray[np.float64]:
    """(N, findings) decision values of one logistic regression a finding (C = 1, standardized), fitted on `train`."""
    values = np.full(test.labels.shape, 0.0)
    for column in range(test.labels.shape[1]):
        if len(np.unique(train.labels[:, column])) < 2:
            continue
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))
        probe.fit(getattr(train, name), train.labels[:, column])
        values[:, column] = probe.decision_function(getattr(test, name))
    return values


def table(title: str, found: Cases, findings: Sequence[str], columns: dict[str, NDArray[Any]]) -> str:
    """A row a finding, a column a method."""
    lines = [f"**{title}** ({len(found)} studies of {len(np.unique(found.patient))} patients)", ""]
    lines += [f"| finding | positive | {' | '.join(columns)} |", f"|---|---:|{'---|' * len(columns)}"]
    for place, finding in enumerate(findings):
        cells = [auroc_cell(found, margins, place) for margins in columns.values()]
        lines.append(f"| {finding.replace('_', ' ')} | {found.labels[:, place].sum()} | {' | '.join(cells)} |")
    lines.append(f"| **mean** | | {' | '.join(mean_cell(found, margins) for margins in columns.values())} |")
    return "\n".join([*lines, ""])


def retrieval(found: Cases, encoder: Any) -> str:
    """Recall at 5 of the study a report belongs to, in pools of `POOL` studies drawn at random."""
    words = encoder.encode_texts(list(found.report)).vector
    rng = np.random.default_rng(0)
    recalls = []
    for _ in range(200):
        pool = rng.choice(len(found), POOL, replace=False)
        recalls.append(recall_at(words[pool] @ found.tiny[pool].T, 5).mean())
    low, high = np.percentile(recalls, [2.5, 97.5])
    return (
        f"Report to volume, recall@5 in a pool of {POOL}: {np.mean(recalls):.2f} ({low:.2f} to {high:.2f} over 200 pools); "
        f"chance {5 / POOL:.2f}, so {np.mean(recalls) * POOL / 5:.1f} times chance.\n"
    )


def figures(work: Path) -> str:
    """The figures of the page, as Markdown."""
    encoder = open_encoder("tiny", device="cpu")
    chest = finding_names(COHORTS["chest"])
    seen, held = cases(work, "chest", TRAINED_ON), cases(work, "chest", TESTED_ON)
    margins = prompt_margins(encoder, held.tiny, chest)
    only_d = np.flatnonzero(held.source == "D")
    columns = {
        "tiny, zero-shot": margins,
        "tiny, linear probe": probes(seen, held, "tiny"),
        "intensity, linear probe": probes(seen, held, "intensity"),
    }
    parts = [table("Chest, four sources", held, chest, columns)]
    parts.append(table("Chest, source D alone, which tiny never saw", held.at(only_d), chest, {"tiny, zero-shot": margins[only_d]}))
    parts.append(retrieval(held, encoder))
    head = [*COHORTS["head"].labels_of(frozenset())]
    seen, held = cases(work, "head", TRAINED_ON), cases(work, "head", TESTED_ON)
    columns = {
        "tiny, zero-shot": prompt_margins(encoder, held.tiny, head),
        "tiny, linear probe": probes(seen, held, "tiny"),
        "intensity, linear probe": probes(seen, held, "intensity"),
    }
    parts.append(table("Head, which tiny never saw", held, head, columns))
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--page", type=Path, help="Write the figures between the markers of this page.")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    text = figures(given.work)
    print(text)
    if given.page:
        write_between(given.page, BEGIN, END, text)


if __name__ == "__main__":
    main()
