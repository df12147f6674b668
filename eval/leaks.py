"""Ways in which what a head learns can be what it is tested on: each gives what it found, or None."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError
from .near_duplicates import near_duplicates

if TYPE_CHECKING:
    from ..store.bank import Bank
    from .pooling import UnitFeatures
    from .units import Units

_SHOWN = 12
"""Digits of an id in a message, and of examples in a `Leak`."""


@final
@dataclass(frozen=True)
class Leak:
    """Something that lies on both sides of a border that it should not cross."""

    kind: str
    """`patient`, `study`, `content`, `near_duplicate` or `trained_on`."""
    count: int
    message: str
    """One line, with the count."""
    examples: tuple[str, ...]
    """Ids, some of them; of a pair `A ~ B`."""


def refusal(leaks: Sequence[Leak]) -> UsageError:
    """The error that names all of them and the way out."""
    return UsageError(
        f"what is learned would be tested on the same: {'; '.join(leak.message for leak in leaks)}. Let a table's column `group` say what "
        "belongs together, choose another split, such as --split patients-0, or take it as it is with --allow-leak, which the run records"
    )


def shared_patients(units: Units, sides: NDArray[np.str_]) -> Leak | None:
    """Patients with units on more than one side."""
    both = _on_both(units.patients.tolist(), sides)
    if not both:
        return None
    return Leak("patient", len(both), f"{_several(both, 'patient')} on more than one side, such as {both[0][:_SHOWN]}", both[:_SHOWN])


def shared_studies(bank: Bank, units: Units, sides: NDArray[np.str_]) -> Leak | None:
    """Studies, one scan of a patient, of which several reconstructions (or slices) lie on different sides."""
    answer = bank.sql("SELECT volume, study FROM volumes")
    study = dict(zip(answer.column("volume").to_pylist(), answer.column("study").to_pylist(), strict=True))
    both = _on_both([study.get(volume) for volume in units.volumes.tolist()], sides)
    if not both:
        return None
    plural = "study has" if len(both) == 1 else "studies have"
    return Leak("study", len(both), f"{len(both)} {plural} {units.unit}s on more than one side, such as {both[0][:_SHOWN]}", both[:_SHOWN])


def shared_content(bank: Bank, units: Units, sides: NDArray[np.str_]) -> tuple[Leak | None, list[str]]:
    """Scans of equal voxels on different sides: a patient under two names, or a copy. A remark says where not all were decoded here."""
    answer = bank.sql("SELECT volume, content FROM contents WHERE content IS NOT NULL")
    content = dict(zip(answer.column("volume").to_pylist(), answer.column("content").to_pylist(), strict=True))
    volumes = units.volumes.tolist()
    both = _on_both([content.get(volume) for volume in volumes], sides)
    unknown, every = {volume for volume in volumes if volume not in content}, set(volumes)
    remarks = [f"{len(unknown)} of {len(every)} scans were not decoded here: their copies are known by vectors alone"] if unknown else []
    if not both:
        return None, remarks
    scans: dict[str, list[str]] = {digest: [] for digest in both}
    for volume in sorted(every - unknown):
        if content[volume] in scans:
            scans[content[volume]].append(volume)
    many = sum(map(len, scans.values()))
    such = " and ".join(volume[:_SHOWN] for volume in scans[both[0]][:2])
    what = f"{_several(both, 'set')} of equal scans ({many} scans) on more than one side, such as {such}"
    return Leak("content", len(both), what, tuple(" ~ ".join(one[:2]) for one in list(scans.values())[:_SHOWN])), remarks


def near_copies(
    units: Units, sides: NDArray[np.str_], features: Iterable[UnitFeatures], rows: NDArray[np.int64]
) -> tuple[Leak | None, list[str]]:
    """Units of val and test whose vector, in any of the sets, is nearly that of another patient's on an earlier side.

    `rows` (N,) are those of the units in each of the sets. The remarks say of which sets nothing can be told, and why.
    """
    found: dict[int, int] = {}
    told: list[str] = []
    remarks: list[str] = []
    plural = f"{units.unit}s"
    for one in features:
        near = near_duplicates(one.X[rows], units.patients, sides)
        if near.reason:
            remarks.append(f"whether {one.name} holds near duplicates cannot be told: {near.reason}")
        if near.common:
            remarks.append(f"{near.common} {plural} have a vector in {one.name} that ten or more other patients have, too: are they empty?")
        if len(near.pairs):
            told.append(f"{len(near.pairs)} by {one.name}")
            for unit, other in near.pairs.tolist():
                found.setdefault(unit, other)
    if not found:
        return None, remarks
    pairs = [(units.items[unit], units.items[other]) for unit, other in sorted(found.items())]
    tested = int(np.isin(sides, ("val", "test")).sum())
    such = " and ".join(one[:_SHOWN] for one in pairs[0])
    what = (
        f"{len(found)} of {tested} {plural} of val and test are near duplicates of another patient's on an earlier side "
        f"({', '.join(told)}), such as {such}"
    )
    return Leak("near_duplicate", len(found), what, tuple(" ~ ".join(pair) for pair in pairs[:_SHOWN])), remarks


def _on_both(names: Sequence[str | None], sides: NDArray[np.str_]) -> tuple[str, ...]:
    """What has more than one side, by name; units without a name or a side count for nothing."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, side in zip(names, sides.tolist(), strict=True):
        if name is not None and side:
            found[name].add(side)
    return tuple(sorted(name for name, held in found.items() if len(held) > 1))


def _several(both: Sequence[str], word: str) -> str:
    return f"{len(both)} {word}{'' if len(both) == 1 else 's'}"
