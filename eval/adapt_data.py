"""What a backbone is adapted on: items of the training and validation sides with their labels, as examples of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..embed.adapt.examples import Example
from ..embed.adapt.voxels import Voxels, Wanted, planes_of
from ..embed.encoder import Encoder
from ..embed.plan import Work, works
from ..embed.wanted import is_resampled
from ..store.errors import UsageError
from ..store.specs import ViewSpec
from .draws import draw_supports
from .findings import findings_units
from .retrieval.pairs import studies_with_reports
from .splits import Split, check_sides, split_each, split_units
from .units import Unit, Units

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Learned:
    """What is to be learned, as the user asks for it."""

    findings: tuple[str, ...]
    shots: int | None = None
    """Examples of each class from the training side; None is all of it."""
    repeat: int = 0
    """Which draw of so many shots, as in a sweep."""
    unit: Unit | None = None
    source: str | None = None
    split: str | None = None
    seed: int = 0
    """Of the split, where one is made, and of the draw."""


@final
@dataclass(frozen=True)
class AdaptItems:
    """M items of two sides."""

    findings: tuple[str, ...]
    unit: Unit
    items: tuple[str, ...]
    ordinals: NDArray[np.int64]
    """(M,) of the items."""
    volumes: tuple[str, ...]
    """(M,) whose each is."""
    targets: NDArray[np.float32]
    """(M, F): 1, 0, or NaN where the label is not known."""
    train: NDArray[np.int64]
    """Rows to learn from."""
    val: NDArray[np.int64]
    """Rows to validate on."""
    split: Split
    """Of the first finding."""
    remarks: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    """(M,) reports, where these are learned from."""


def adapt_items(bank: Bank, asked: Learned) -> AdaptItems:
    """The items with a label, by the split that a study of the findings would have; the test side stays out.

    Args:
        bank: The bank.
        asked: What is to be learned.

    Raises:
        UsageError: no finding can be evaluated, a side is empty or has one class only, or shots are asked of several findings.
    """
    every, remarks = findings_units(bank, asked.findings, asked.unit, asked.source)
    splits = split_each(bank, every, asked.split, asked.seed)
    for units, split in zip(every, splits, strict=True):
        check_sides(units, split, ("train", "val"))
    if asked.shots is not None and len(every) > 1:
        raise UsageError(
            f"--shots {asked.shots} draws examples of one finding, and {len(every)} are asked for; leave it out, or choose one"
        )
    ordinals, first = np.unique(np.concatenate([units.ordinals for units in every]), return_index=True)
    items = np.concatenate([np.array(units.items) for units in every])[first]
    volumes = np.concatenate([units.volumes for units in every])[first]
    targets = np.full((len(ordinals), len(every)), np.nan, np.float32)
    sides = np.full(len(ordinals), "", dtype="<U5")
    for column, (units, split) in enumerate(zip(every, splits, strict=True)):
        at = np.searchsorted(ordinals, units.ordinals)
        targets[at, column] = units.y
        sides[at] = np.where(split.sides != "", split.sides, sides[at])
    train, val = np.flatnonzero(sides == "train"), np.flatnonzero(sides == "val")
    if asked.shots is not None:
        draws, said = draw_supports(every[0], splits[0].side("train"), splits[0].name, (asked.shots,), asked.repeat + 1, asked.seed)
        train = np.searchsorted(ordinals, every[0].ordinals[draws[-1].support.rows])
        remarks += said
    names, told = tuple(units.finding for units in every), (tuple(items.tolist()), ordinals, tuple(volumes.tolist()))
    found = AdaptItems(names, every[0].unit, *told, targets, train, val, splits[0], tuple(remarks))
    check_classes(found, train, val)
    return found


def report_items(bank: Bank, asked: Learned, *, labelled: bool) -> AdaptItems:
    """The primary series that have a report, by the split that a study would have; the test side stays out.

    Args:
        bank: The bank.
        asked: Findings are of use only where prompts of them are learned too.
        labelled: Whether they are.

    Raises:
        UsageError: there are no reports, a side is empty, or shots are asked for.
    """
    if asked.shots is not None:
        raise UsageError("--shots draws examples by their labels, and reports are learned from here; leave it out")
    if labelled and not asked.findings:
        raise UsageError("prompt_weight is for findings, and none is named: give --finding, or leave prompt_weight at 0")
    studies = studies_with_reports(bank)
    units = studies.units
    split = split_units(bank, units, asked.split, asked.seed)
    check_sides(units, split, ("train", "val"))
    findings: list[Units] = []
    remarks: list[str] = []
    if labelled:
        findings, remarks = findings_units(bank, asked.findings, "volume", asked.source)
    targets = np.full((len(units), len(findings)), np.nan, np.float32)
    for column, one in enumerate(findings):
        _, mine, theirs = np.intersect1d(units.ordinals, one.ordinals, return_indices=True)
        targets[mine, column] = one.y[theirs]
    sides, names, volumes = split.sides, tuple(one.finding for one in findings), tuple(units.volumes.tolist())
    train, val = np.flatnonzero(sides == "train"), np.flatnonzero(sides == "val")
    told = names, "volume", units.items, units.ordinals, volumes, targets, train, val, split, tuple(remarks), studies.texts
    found = AdaptItems(*told)
    check_classes(found, train, val)
    return found


def check_classes(items: AdaptItems, train: NDArray[np.int64], val: NDArray[np.int64]) -> None:
    """Raises UsageError where one of the sides, given as rows, has not both classes of a finding."""
    for side, rows in (("training", train), ("validation", val)):
        for column, finding in enumerate(items.findings):
            known = items.targets[rows, column]
            values = set(known[~np.isnan(known)].tolist())
            if len(values) < 2:
                found = "no label" if not values else "present alone" if values == {1.0} else "absent alone"
                raise UsageError(
                    f"the {side} side has {found} of {finding!r}: nothing can be told apart; choose another split or finding, or label more"
                )


def adapt_view(encoder: Encoder, view: ViewSpec, unit: Unit, planes: int) -> ViewSpec:
    """The view that scans are trained in: as they will be embedded, of fewer planes where an encoder of slices sees whole scans.

    Raises:
        UsageError: slices are to be learned by an encoder of volumes, or in planes that are not the scan's own.
    """
    if "volume" in encoder.offers:
        if unit == "slice":
            raise UsageError(f"encoder {encoder.spec.name!r} takes whole scans, and the labels are of slices: ask for --unit volume")
        return view
    if is_resampled(view):
        raise UsageError("an encoder of slices is adapted on the scans' own planes; leave spacing and shape out of the view")
    return view if unit == "slice" else planes_of(view, planes)


def examples_of(bank: Bank, items: AdaptItems, rows: NDArray[np.int64], voxels: Voxels, encoder: Encoder) -> list[Example]:
    """An example for each of these rows."""
    whole = "volume" in encoder.offers
    by_volume = {work.volume: work for work in works(bank, [voxels.view])}
    if items.unit == "volume":
        return [
            Example(items.items[row], one := Wanted(work, None if whole else _planes(work, voxels.view)), None if whole else _every(one))
            for row in rows.tolist()
            for work in [_known(by_volume, items.volumes[row])]
        ]
    wanted = {volume: Wanted(_known(by_volume, volume), planes) for volume, planes in _labelled(items, by_volume).items()}
    found: list[Example] = []
    for row in rows.tolist():
        one = wanted[items.volumes[row]]
        plane = int(items.ordinals[row]) - one.work.slice_ordinal
        found.append(Example(items.items[row], one, ((one.planes or ()).index(plane),)))
    return found


def _known(by_volume: Mapping[str, Work], volume: str) -> Work:
    if volume not in by_volume:
        raise UsageError(f"scan {volume} has vectors alone (it was imported): there are no voxels to train on; leave it out by --split")
    return by_volume[volume]


def _planes(work: Work, view: ViewSpec) -> tuple[int, ...]:
    planes = work.checked_planes(view)
    return tuple(range(work.slices)) if planes is None else planes


def _every(one: Wanted) -> tuple[int, ...]:
    return tuple(range(len(one.planes or ())))


def _labelled(items: AdaptItems, by_volume: Mapping[str, Work]) -> dict[str, tuple[int, ...]]:
    """By volume, the planes that have a label: read together."""
    planes: dict[str, list[int]] = {}
    for volume, ordinal in zip(items.volumes, items.ordinals.tolist(), strict=True):
        planes.setdefault(volume, []).append(ordinal - _known(by_volume, volume).slice_ordinal)
    return {volume: tuple(sorted(set(every))) for volume, every in planes.items()}


def without(examples: Sequence[Example], failed: Mapping[str, str]) -> list[int]:
    """Places of the examples whose scan could be read."""
    return [place for place, one in enumerate(examples) if one.scan.work.volume not in failed]
