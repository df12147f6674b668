"""How fast reports are read: references found and eighteen findings labelled by rules, beside a plain regular expression a finding."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from statistics import median

from scanbank.eval.labels import finding_set, label_reports
from scanbank.eval.phantoms.cohort import cohort_named, sample_patient, sample_studies
from scanbank.eval.phantoms.reports.write import write_report
from scanbank.store.references import find_references

from .bench_figures import Figure, Sizes, rounds, timed

CHARACTERS = 1300
"""Of a report, at least: what chest CT reports have on average."""
_SET = "chest18"
_WANTED = 300


def reports(folder: Path, sizes: Sizes) -> list[Figure]:
    """Reports a second on one core."""
    del folder
    texts = _texts(sizes.reports, sizes.seed)
    patterns = [re.compile(rf"\b{re.escape(one.title)}", re.IGNORECASE) for one in finding_set(_SET).findings]

    def ours() -> float:
        return timed(lambda: (label_reports(texts, _SET), [find_references(text) for text in texts]))

    def peer() -> float:
        return timed(lambda: [[pattern.search(text) for pattern in patterns] for text in texts])

    taken = rounds({"ours": ours, "peer": peer}, min(sizes.repeats, 3))
    found, theirs = len(texts) / median(taken["ours"]), len(texts) / median(taken["peer"])
    what = f"reports of {sum(map(len, texts)) // len(texts):,} characters, references and {len(patterns)} findings, one core"
    name = "one regular expression a finding"
    return [Figure(what, found, "reports/s", theirs, name, found / theirs, wanted=f">= {_WANTED} reports/s", met=found >= _WANTED)]


def _texts(wanted: int, seed: int) -> list[str]:
    """English reports of chest phantoms, as many put together as a long report has characters."""
    cohort, texts, parts = cohort_named("chest"), list[str](), list[str]()
    for number in count(1):
        before = None
        for study in sample_studies(cohort, sample_patient(cohort, seed, number)):
            report, before = write_report(study, before, ()), study
            if study.language == "en":
                parts.append(report.text)
            if sum(map(len, parts)) >= CHARACTERS:
                texts.append("\n".join(parts))
                parts = []
            if len(texts) == wanted:
                return texts
    raise AssertionError  # there is no end to counting
