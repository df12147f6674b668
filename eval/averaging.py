"""Averages over the findings of a sweep, as results of their own: of the metrics (macro), and of all items put together (micro)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..heads.vectors import sigmoid
from ..store.digests import spec_digest
from .averages import Part, macro, micro
from .battery import Battery
from .blocks import Block
from .blocks import Part as Measured
from .chances import Chances
from .ledger import Run
from .prompts import Wording

MACRO, MICRO = "(macro average)", "(micro average)"
"""What stands for the finding."""


def average_run(command: str, runs: Sequence[Run], wording: Wording | None = None) -> Run:
    """The run that averages of these are kept under; it tells of a wording of the user's."""
    findings = [run.settings["finding"] for run in runs]
    settings: dict[str, Any] = {"findings": findings, "runs": [run.name for run in runs]}
    if wording is not None and (label := wording.label()):
        settings["wording"] = label
    return Run(f"{command}-average-{spec_digest(sorted(run.name for run in runs))[:12]}", f"{command}-average", None, settings)


def average_cell(cells: Sequence[str]) -> str:
    """The cell that is the average of others."""
    return spec_digest(["average", sorted(cells)])


def averaged(run: Run, blocks: Sequence[Block], cells: Sequence[str]) -> list[Block]:
    """The averages of K blocks of the same F draws, one of each finding.

    Items of all findings are ranked together by their probabilities, since decision values of different fits have no common scale, and each
    is called at the threshold of its own finding. Where a finding lacks calibrated ones, all are ranked by those of the head; of heads that
    give none, by their decision values: distances from normals, cosines with one text.
    """
    first = blocks[0]
    names = list(first.parts[0].battery.values)
    means = {name: macro([block.parts[0].battery.values[name] for block in blocks]).value for name in names}
    reasons = {name: tuple("no finding has a value" if np.isnan(value) else "" for value in values) for name, values in means.items()}
    chances = [block.chances.of_scores(block.scores) for block in blocks]
    own = any(block.chances.reason for block in blocks)
    parts = []
    for block, chance in zip(blocks, chances, strict=True):
        ranked = block.chances.usual(block.scores) if own else chance
        ranked = block.scores if np.isnan(ranked).all() else ranked
        parts.append(Part(block.y, ranked, block.thresholds, chance, block.scores >= block.thresholds[:, None]))
    found = {MACRO: Battery(means, reasons), MICRO: micro(names, parts)}
    nothing = np.full(len(first), np.nan)
    told = (first.features, first.head, first.shots, first.repeats, tuple(cells), (), np.empty(0), np.empty((len(first), 0)))
    return [
        Block(run.name, finding, *told, nothing, "each finding has its own", (Measured("", battery, {}),), Chances(sigmoid))
        for finding, battery in found.items()
    ]
