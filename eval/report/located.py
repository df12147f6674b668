"""What a report says of localization: the latest run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..localizing.evaluate import BASELINES, COMMAND
from ..localizing.scoring import METHODS
from .retrieved import Told
from .tables import Row, Shown, Table

if TYPE_CHECKING:
    from ...store.bank import Bank

_COLUMNS = {"mae_mm": "error, mm ↓", "mae_scan_mm": "by scan, mm ↓", "hit_5mm": "within 5 mm", "hit_10mm": "within 10 mm"}
_COLUMNS |= {"hit_20mm": "within 20 mm"}
_NOTE = "95% intervals in brackets, over patients. A random slice as expected over all of a scan's; the middle one by its extent."


def localization_told(bank: Bank) -> list[Told]:
    """Of the latest run; nothing where there is none."""
    runs = bank.sql(f"SELECT run, settings FROM runs WHERE command = '{COMMAND}' ORDER BY finished DESC, run LIMIT 1").to_pylist()
    return [_told(bank, row["run"], json.loads(row["settings"])) for row in runs]


def _told(bank: Bank, run: str, settings: Mapping[str, Any]) -> Told:
    rows = bank.sql(f"SELECT features, head, metric, value, lo, hi FROM metrics WHERE run = '{run}' ORDER BY ALL").to_pylist()
    cells = {(row["features"], row["head"], row["metric"]): _shown(row) for row in rows}
    order = (*BASELINES, *METHODS)
    lines = sorted({(row["features"], row["head"]) for row in rows}, key=lambda one: (one[0], order.index(one[1])))
    before = [None, *(features for features, _ in lines)]
    shown = tuple(
        Row(
            (method.replace("_", " "), features), tuple(cells.get((features, method, name), Shown()) for name in _COLUMNS), features != last
        )
        for (features, method), last in zip(lines, before, strict=False)
    )
    sides = ", ".join(f"{side} {of['sentences']} of {of['patients']} patients" for side, of in settings["counts"].items())
    caption = f"Sentences that name an image, without the reference in them, split {settings['split']}: {sides}. Run {run}."
    title = "Distance to the slice that a sentence names"
    return "Localization", caption, [Table(title, ("method", "features"), tuple(_COLUMNS.values()), tuple(shown), _NOTE)]


def _shown(row: Mapping[str, Any]) -> Shown:
    digits = ".1f" if row["metric"].startswith("mae") else ".2f"
    return Shown(f"{row['value']:{digits}}", "" if row["lo"] is None else f"({row['lo']:{digits}}–{row['hi']:{digits}})")
