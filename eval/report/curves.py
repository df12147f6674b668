"""The curves of a study, as charts take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .charts import Curve
from .charts_forest import Dots
from .charts_scores import Bins, Line
from .rows import Cell, Cells, Method
from .scores import Scores, precision_recall, reliability, roc
from .studies import FoundStudy, label, shots_label
from .styles import Style

Styles = Mapping[Method, Style]
_NOTHING = float("nan")
ZEROSHOT = 2
"""Kept among curves over shots."""


def shown_over_shots(study: FoundStudy, most: int) -> list[Method]:
    """The `most` methods that do best in AUROC at their last number of shots. Zero-shot is what they are compared with: the best `ZEROSHOT`
    of it stay.
    """
    ranked = study.ranked()
    kept = [method for method in ranked if method.zero_shot][: min(ZEROSHOT, most)]
    kept += [method for method in ranked if not method.zero_shot][: most - len(kept)]
    return [method for method in study.methods if method in kept]


def shot_curves(study: FoundStudy, metric: str, methods: Sequence[Method], styles: Styles) -> list[Curve]:
    """Of these methods, where they have values; zero-shot is one point at 0."""
    found = []
    for method in methods:
        points = [(k, c) for k in study.shots if (c := study.cells.get((method, k, metric))) and c.mean is not None]
        if points:
            shots, cells = zip(*points, strict=True)
            bands = [_band(cell) for cell in cells]
            found.append(Curve(label(method), styles[method], shots, tuple(c.mean for c in cells), *zip(*bands, strict=True)))
    return found


def roc_lines(study: FoundStudy, scores: Sequence[Scores], styles: Styles) -> list[Line]:
    """ROC curves; a legend has the mean AUROC, AP, ECE and Brier score."""
    return [Line(_told(study, one), styles[one.method], *roc(one)) for one in scores]


def pr_lines(scores: Sequence[Scores], styles: Styles) -> list[Line]:
    """Curves of precision over recall."""
    return [Line(label(one.method), styles[one.method], *precision_recall(one)) for one in scores]


def reliability_bins(scores: Sequence[Scores], styles: Styles) -> list[Bins]:
    """What happened over what was said, by those methods that give probabilities."""
    return [Bins(label(one.method), styles[one.method], *reliability(one)) for one in scores if one.probable]


def part_dots(study: FoundStudy, metric: str, methods: Sequence[Method], styles: Styles) -> tuple[list[str], list[Dots]]:
    """The parts of the test side on which one of these methods has a value, after the whole of it, and the methods' values there."""
    at = {method: last[0] for method in methods if (last := study.last(method, metric))}
    known: dict[str, Cells] = {"all": study.cells} | {
        part: cells
        for part, cells in study.parts.items()
        if any((cell := cells.get((method, k, metric))) and cell.mean is not None for method, k in at.items())
    }
    found = []
    for method, k in at.items():
        held = [cells.get((method, k, metric)) for cells in known.values()]
        means = tuple(_NOTHING if cell is None or cell.mean is None else cell.mean for cell in held)
        bands = [(_NOTHING, _NOTHING) if cell is None else _band(cell) for cell in held]
        found.append(Dots(_at(method, k), styles[method], means, *zip(*bands, strict=True)))
    return list(known), found


def _at(method: Method, shots: float) -> str:
    return label(method) if method.zero_shot else f"{label(method)}, {shots_label(shots)}"


def _band(cell: Cell) -> tuple[float, float]:
    if cell.mean is not None and cell.sd is not None:
        return cell.mean - cell.sd, cell.mean + cell.sd
    return (_NOTHING, _NOTHING) if cell.lo is None or cell.hi is None else (cell.lo, cell.hi)


_SHORT = {"auroc": "AUROC", "ap": "AP", "ece": "ECE", "brier": "Brier"}


def _told(study: FoundStudy, one: Scores) -> str:
    means = {name: cell.mean for name in _SHORT if (cell := study.cells.get((one.method, one.shots, name)))}
    values = ", ".join(f"{_SHORT[name]} {mean:.2f}" for name, mean in means.items() if mean is not None)
    return f"{_at(one.method, one.shots)}: {values}"
