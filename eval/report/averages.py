"""Averages over findings, as sweeps keep them, with zero-shot beside them where each of the findings has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..averaging import MACRO, MICRO
from ..measuring import Measuring
from .rows import Cell, Cells, MeasuredRun
from .studies import FoundStudy


def found_averages(runs: Sequence[MeasuredRun], studies: Sequence[FoundStudy]) -> list[FoundStudy]:
    """The macro and the micro average of each set of findings that were swept or probed together; the larger sets first."""
    place = {run.rpartition("-")[2]: number for number, study in reversed(list(enumerate(studies))) for run in study.runs}
    groups: dict[tuple[int, ...] | tuple[str, ...], list[MeasuredRun]] = {}
    for run in runs:
        if "runs" in run.settings:
            # a sweep, a probe and zero-shot of the same studies go together
            digests = sorted(name.rpartition("-")[2] for name in run.settings["runs"])
            key = tuple(sorted(place[one] for one in digests)) if all(one in place for one in digests) else tuple(digests)
            groups.setdefault(key, []).append(run)
    found = []
    for key, of in groups.items():
        members = [studies[one] if isinstance(one, int) else None for one in key]
        macro = _zeroshot([study for study in members if study is not None]) if None not in members else {}
        averages: dict[str, Cells] = {MACRO: macro, MICRO: {}}
        for run in of:
            for name, cells in averages.items():
                cells |= run.cells.get((name, ""), {})
        first = next((study for study in members if study is not None), None)
        drawn = next((study.drawn for study in members if study is not None and study.drawn), None)
        where = (first.unit, first.split, first.source) if first else ("", "", "")
        over = tuple(str(name) for name in of[-1].settings["findings"])
        runs_of, how = tuple(run.run for run in of), first.measuring if first else Measuring()
        found += [
            FoundStudy(name, *where, drawn, {}, cells, runs=runs_of, over=over, measuring=how) for name, cells in averages.items() if cells
        ]
    return sorted(found, key=lambda one: (-len(one.over), one.over, one.drawn or (), one.finding != MACRO))


def _zeroshot(studies: Sequence[FoundStudy]) -> Cells:
    """The mean over findings of what all of them have."""
    shared = set.intersection(*({key for key in study.cells if key[0].zero_shot} for study in studies)) if studies else set()
    found: Cells = {}
    for key in sorted(shared, key=repr):
        means = [study.cells[key].mean for study in studies]
        known = [mean for mean in means if mean is not None]
        found[key] = Cell("", (float(np.mean(known)),) if known else (), None, None, "" if known else "no finding has a value")
    return found
