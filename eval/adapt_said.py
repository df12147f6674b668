"""What a cross-domain study found, in words: the ordering of methods as it is, and how much of it may be chance."""

from __future__ import annotations

from collections.abc import Iterable

from .adapt_found import CLEAR, PROBE, Apart, Found
from .adapt_tables import each, interval


def ordering(found: Found) -> list[str]:
    """Methods by their AUROC with its interval, best first, for each backbone and window."""
    told: list[str] = []
    for backbone in each(found.full, "backbone"):
        for window in each(found.full, "window"):
            rows = [row for row in found.full if (row.backbone, row.window, row.metric) == (backbone, window, "auroc")]
            known = sorted((row for row in rows if row.mean is not None), key=lambda row: -(row.mean or 0))
            listed = ", ".join(f"{row.method} {row.mean:.3f}{interval(row.lo, row.hi)}" for row in known)
            told.append(f"{backbone}, {window}: {listed or 'nothing could be measured'}")
    return told


def few_ordering(found: Found) -> list[str]:
    """Heads by their mean AUROC over draws at the most shots, best first, for each backbone and window."""
    most = max((row.shots for row in found.few if row.shots is not None), default=None)
    told: list[str] = []
    for backbone in each(found.few, "backbone"):
        for window in each(found.few, "window"):
            of = (backbone, window, most, "auroc")
            rows = [row for row in found.few if (row.backbone, row.window, row.shots, row.metric) == of and row.mean is not None]
            listed = ", ".join(f"{row.method} {row.mean:.3f}" for row in sorted(rows, key=lambda row: -(row.mean or 0)))
            told.append(f"{backbone}, {window}, {most} shots: {listed or 'nothing could be measured'}")
    return told


def reserve(found: Found) -> list[str]:
    """How far the ordering can be trusted: who tested, how wide intervals are, and which differences are clear of chance."""
    told: list[str] = []
    if found.tested is not None:
        who = found.tested
        told.append(
            f"tested on {who.items} {who.unit}s of {who.patients} patients, {who.present} with {found.finding} and "
            f"{who.items - who.present} without{_widths(found)}"
        )
    told += _clear([one for one in found.apart if not one.of_backbones], f"from the {PROBE}")
    told += _clear([one for one in found.apart if one.of_backbones], "between backbones")
    return told


def _widths(found: Found) -> str:
    """The widths of the 95% intervals of AUROC."""
    widths = [row.hi - row.lo for row in found.full if row.metric == "auroc" and row.lo is not None and row.hi is not None]
    return f"; 95% intervals are {min(widths):.2f} to {max(widths):.2f} wide" if widths else ""


def _clear(found: Iterable[Apart], what: str) -> list[str]:
    known = [one for one in found if one.value is not None]
    if not known:
        return []
    clear = [one for one in known if one.clear]
    count = f"{len(clear) or 'none'} {'is' if len(clear) < 2 else 'are'} clear of chance (paired, Holm's p under {CLEAR})"
    rest = (
        "" if len(clear) == len(known) else "; other patients may turn the rest round" if clear else "; other patients may turn them round"
    )
    return [f"of {len(known)} differences {what}, {count}{rest}{':' if clear else ''}", *(f"  {_difference(one)}" for one in clear)]


def _difference(one: Apart) -> str:
    return f"{one.window}: {': '.join(one.first)} {one.value:+.3f}{interval(one.lo, one.hi, '+.3f')} from {': '.join(one.second)}"
