"""From the frames of one series to stacks of planes, each place once: copies, other orientations and phases told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .dicom_geometry import AXIAL, normal_of, points_of
from .dicom_record import DicomHeader, Frame
from .dicom_syntax import preference

COSINE_TOLERANCE = 2e-3
"""Within which orientations count as one (0.1 degrees)."""

SAME_PLACE_MM = 0.01
"""Planes nearer than this along their normal lie at one place."""

_SMALLEST_PHASE = 3
"""Slices that each phase must have where phases cover different ranges."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One frame of one file."""

    header: DicomHeader
    frame: Frame

    @property
    def key(self) -> tuple[str, int]:
        """What puts slices in one order whatever order they were found in."""
        return str(self.header.path), self.frame.index


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal (or by number), each place once."""

    slices: tuple[Slice, ...]
    flags: tuple[str, ...] = ()


def drop_copies(slices: Iterable[Slice]) -> tuple[list[Slice], list[Slice], frozenset[str]]:
    """One of each image: the kept, the dropped, and the SOP instance UIDs that were there more than once.

    A copy has the same SOP instance UID, frame, place and number. Of copies in several transfer syntaxes the uncompressed
    is kept, then the lossless, then the first by path.
    """
    kept: dict[tuple[object, ...], Slice] = {}
    dropped: list[Slice] = []
    for one in sorted(slices, key=lambda s: (preference(s.header.syntax), s.key)):
        frame, uid = one.frame, one.header.sop_uid
        name = (uid, frame.index, frame.position, frame.location, frame.number) if uid else one.key
        if name in kept:
            dropped.append(one)
        else:
            kept[name] = one
    copied = frozenset(one.header.sop_uid for one in dropped if one.header.sop_uid)
    return sorted(kept.values(), key=lambda s: s.key), dropped, copied


def alike(slices: Iterable[Slice]) -> list[list[Slice]]:
    """Groups of equal matrix, image type, orientation, pixel spacing and kind of position."""
    exact: dict[tuple[object, ...], list[list[Slice]]] = defaultdict(list)
    for one in slices:
        header, frame = one.header, one.frame
        placed = "position" if frame.position else "location" if frame.location is not None else "none"
        groups = exact[header.rows, header.columns, header.image_type[:4], placed, frame.orientation is None, frame.spacing is None]
        for group in groups:
            if _close(group[0].frame, frame):
                group.append(one)
                break
        else:
            groups.append([one])
    return [group for groups in exact.values() for group in groups]


def odd_ones(groups: Sequence[Sequence[Slice]]) -> list[Sequence[Slice]]:
    """Single images at an orientation of their own beside a stack of four or more: localizers that do not say so."""
    largest = max(groups, key=len)
    if len(largest) < 4:
        return []
    main = normal_of(largest[0].frame)
    return [group for group in groups if len(group) == 1 and abs(float(normal_of(group[0].frame) @ main)) < 0.9]


def stacks(slices: Sequence[Slice]) -> list[Stack]:
    """One stack, or one per phase where several images lie at each place, in order.

    Where places hold different numbers of images and nothing tells phases apart, the first of each by number is kept and the
    stack is flagged; those not kept are in no stack.
    """
    ordered = sorted(slices, key=lambda s: (s.frame.number is None, s.frame.number or 0, s.key))
    points = points_of([one.frame for one in ordered])
    if points is None:
        return [Stack(tuple(ordered))]
    along = points @ normal_of(ordered[0].frame)
    order = np.argsort(along, kind="stable")
    starts = np.concatenate([[True], np.diff(along[order]) > SAME_PLACE_MM])
    place = {int(index): int(number) for index, number in zip(order, np.cumsum(starts) - 1, strict=True)}
    at: dict[int, list[Slice]] = defaultdict(list)  # by place; by number within a place, as the sorts are stable
    for index in order:
        at[place[int(index)]].append(ordered[int(index)])
    most = max(map(len, at.values()))
    if most == 1:
        return [Stack(tuple(one for here in at.values() for one in here))]
    equally = all(len(here) == most for here in at.values())
    phases = _phases(at, most, 1 if equally else _SMALLEST_PHASE)
    if phases is None and equally:
        phases = [[here[rank] for here in at.values()] for rank in range(most)]
    if phases is not None:
        return [Stack(tuple(phase), ("split_phases",)) for phase in phases]
    return [Stack(tuple(here[0] for here in at.values()), ("duplicate_slices",))]


def _phases(at: dict[int, list[Slice]], count: int, smallest: int) -> list[list[Slice]] | None:
    """Slices by the first property that gives `count` phases with each place at most once; None where none does."""
    for which in range(len(at[0][0].frame.phases)):
        found: dict[str, dict[int, Slice]] = defaultdict(dict)
        unique = True
        for number, here in at.items():
            for one in here:
                phase = found[one.frame.phases[which]]
                unique = unique and number not in phase
                phase[number] = one
        if unique and len(found) == count and min(map(len, found.values())) >= smallest:
            return [list(found[name].values()) for name in sorted(found, key=_as_number)]
    return None


def _as_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return 0.0, text


def _close(one: Frame, other: Frame) -> bool:
    pairs = zip(one.orientation or AXIAL, other.orientation or AXIAL, strict=True)
    spacings = zip(one.spacing or (), other.spacing or (), strict=False)
    return all(abs(a - b) < COSINE_TOLERANCE for a, b in pairs) and all(abs(a - b) <= 1e-3 * max(a, b) for a, b in spacings)
