"""The charts and pictures of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from .chapters import PARTS
from .charts import BANDS, shots_chart
from .charts_forest import forest_chart, parts_chart
from .charts_scores import scores_chart
from .curves import Styles, part_dots, pr_lines, reliability_bins, roc_lines, shot_curves, shown_over_shots
from .differences import differences, effects
from .hardest import Hard, Picture, hard_caption, hardest, pictures
from .hits import without_paths
from .scores import Scores, last_scores
from .studies import FoundStudy

if TYPE_CHECKING:
    from ...store.bank import Bank

CURVES, SCORED = 8, 5
"""More than these cannot be told apart in a chart."""
EFFECTS = 24
_TITLES = {"auroc": "AUROC", "ap": "AP"}


@final
@dataclass(frozen=True)
class Chart:
    """An SVG with what stands beneath it."""

    svg: str
    caption: str


@final
@dataclass(frozen=True)
class Figures:
    """All of a study."""

    charts: tuple[Chart, ...]
    hard: tuple[str, ...]
    """Of the hardest items that have no picture, a line each."""
    pictures: tuple[Picture, ...]
    note: str
    """Why something is left out."""


NO_FIGURES = Figures((), (), (), "")
"""Of what has tables alone."""


def figures(bank: Bank, study: FoundStudy, styles: Styles, *, drawn: bool) -> Figures:
    """Everything that can be drawn of a study; scans only where they may be `drawn`."""
    charts = _over_shots(study, styles)
    if study.over:  # an average has no items of its own
        return Figures(tuple(charts), (), (), "")
    scores = last_scores(bank, study)
    charts += [*_of_scores(study, scores, styles), *_parts(study, styles), *_forests(bank, study)]
    hard, note = hardest(scores), ""
    if not scores and study.ranked():
        note = "No curves of scores: none were kept of single items; scanbank sweep --predictions keeps them."
    shown: list[Picture] = []
    if hard and drawn:
        shown, reason = pictures(bank, study, hard)
        note = note or (f"Pictures are left out: {without_paths(reason.replace(bank.name, 'BANK'))}" if reason else "")
    return Figures(tuple(charts), _lines(hard, shown), tuple(shown), note)


def _lines(hard: list[Hard], shown: list[Picture]) -> tuple[str, ...]:
    seen = {picture.caption for picture in shown}
    return tuple(line for line in map(hard_caption, hard) if line not in seen)


def _over_shots(study: FoundStudy, styles: Styles) -> list[Chart]:
    methods = shown_over_shots(study, CURVES)
    panels = {title: shot_curves(study, metric, methods, styles) for metric, title in _TITLES.items()}
    panels = {title: curves for title, curves in panels.items() if any(len(curve.shots) > 1 for curve in curves)}
    if not panels:
        return []
    how = "band" if len(methods) <= BANDS else "bar"
    caption = f"Mean over draws; the {how} is one standard deviation, of a single fit its 95% interval."
    return [Chart(shots_chart(panels), caption + _cut(study, CURVES, ", with zero-shot"))]


def _of_scores(study: FoundStudy, scores: list[Scores], styles: Styles) -> list[Chart]:
    if not scores:
        return []
    kept, share = scores[:SCORED], float(scores[0].y.mean())
    svg = scores_chart(roc_lines(study, kept, styles), pr_lines(kept, styles), reliability_bins(kept, styles), share)
    caption = (
        "Each method at its largest number of shots, on the test side; over draws, the mean at equal false positive rates and at equal "
        "recalls. Reliability has the bins of ECE and all draws together; a point's area is its share of items. "
        f"{round(100 * share)}% of the items are positive."
    )
    return [Chart(svg, caption + _cut(study, SCORED))]


def _parts(study: FoundStudy, styles: Styles) -> list[Chart]:
    parts, dots = part_dots(study, "auroc", study.ranked_by_part(PARTS), styles)
    if len(parts) < 2:
        return []
    caption = "AUROC on parts of the test side; one standard deviation over draws, of a single fit the 95% interval." + _cut(study, PARTS)
    return [Chart(parts_chart(parts, dots, "AUROC"), caption)]


def _forests(bank: Bank, study: FoundStudy) -> list[Chart]:
    rows, found = differences(bank, study), []
    for metric, title in _TITLES.items():
        every = effects(rows, metric)
        if every:
            more = f" The first {EFFECTS} of {len(every)}." if len(every) > EFFECTS else ""
            caption = f"Differences in {title}, first minus second, with Holm's p; filled where it is under 0.05.{more}"
            found.append(Chart(forest_chart(every[:EFFECTS], title), caption))
    return found


def _cut(study: FoundStudy, most: int, more: str = "") -> str:
    count = len(study.methods)
    return f" The best {most} of {count} methods{more}." if count > most else ""
