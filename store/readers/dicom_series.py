"""From headers to scans: one ScanHeader for each stack of slices of a series, ordered along the canonical axis."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ..errors import ReadError
from ..scan import Found, Rejected, ScanHeader, SliceHeader, Source
from ..vocabulary import age_band, body_part, contrast_agent, kernel, kvp, manufacturer, model_family, sex
from .dicom_geometry import Layout, lay_out
from .dicom_record import DicomHeader
from .dicom_stacks import Slice, Stack, alike, drop_copies, odd_ones, stacks
from .dicom_syntax import CLASSES

_COPY = "a copy of an image already taken (same SOP instance UID)"
_SAME_PLACE = "another image at a place already taken, with nothing to tell its series apart"
_ODD = "one image at an orientation of its own in a series of others, as localizers are"


def group(headers: Sequence[DicomHeader]) -> Found:
    """The scans that headers make, and what was left out of them. Pure; the order of `headers` does not matter.

    Slices belong together by patient, study and series (the folder where the series has no UID), matrix, image type,
    orientation and pixel spacing. They are ordered by position along the normal of their plane, so that slice k of the
    ScanHeader is plane k along `Volume.slice_axis`.
    """
    series: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    for header in headers:
        name = header.series_uid or str(header.path.parent)
        series[header.patient_id, header.study_uid, header.series_uid is None, name].extend(Slice(header, f) for f in header.frames)
    scans: list[ScanHeader] = []
    rejected: list[Rejected] = []
    for slices in sorted(series.values(), key=lambda members: min(one.key for one in members)):
        kept, dropped, copied = drop_copies(slices)
        rejected += _left_out(dropped, _COPY, kept)
        reused = {uid for uid, times in Counter(one.header.sop_uid for one in kept if one.frame.index < 0).items() if uid and times > 1}
        groups = alike(kept)
        odd = odd_ones(groups)
        rejected += _left_out((one for members in odd for one in members), _ODD)
        for members in (members for members in groups if not any(members is other for other in odd)):
            found = stacks(members)
            taken = {one.key for stack in found for one in stack.slices}
            rejected += _left_out((one for one in members if one.key not in taken), _SAME_PLACE, (one for s in found for one in s.slices))
            for stack in found:
                try:
                    scans.append(_scan(stack, copied, reused))
                except ReadError as error:
                    rejected += [Rejected(path, str(error)) for path in {one.header.path: None for one in stack.slices}]
    return Found(tuple(scans), aggregate(rejected))


def aggregate(rejected: Iterable[Rejected]) -> tuple[Rejected, ...]:
    """What was left out, counted per folder and reason; failures stay one by one, as each wants a look."""
    counted: dict[tuple[object, str], Rejected] = {}
    for number, one in enumerate(rejected):
        name = (one.path.parent, one.reason) if one.left_out else (number, one.reason)
        before = counted.get(name)
        counted[name] = one if before is None else Rejected(one.path.parent, one.reason, True, before.files + one.files)
    return tuple(counted.values())


def _left_out(slices: Iterable[Slice], reason: str, kept: Iterable[Slice] = ()) -> list[Rejected]:
    """One for each file of `slices`, save those of which another frame is kept."""
    still = {one.header.path for one in kept}
    return [Rejected(path, reason, left_out=True) for path in {one.header.path: None for one in slices} if path not in still]


def _scan(stack: Stack, copied: frozenset[str], reused: set[str]) -> ScanHeader:
    slices = stack.slices
    first = slices[0].header
    layout = lay_out([one.frame for one in slices], first.rows, first.columns)
    if layout.reversed:
        slices = slices[::-1]
        layout = lay_out([one.frame for one in slices], first.rows, first.columns)
    names = tuple(_name(one, reused) for one in slices)
    placed = layout.spacing_mm[0] is not None
    return ScanHeader(
        kind="dicom",
        names=names,
        sources=tuple(Source(one.header.path, one.frame.index, one.header.size, one.header.mtime_ns) for one in slices),
        slices=tuple(
            SliceHeader(name, None if math.isnan(z) else float(z), one.frame.number)
            for name, z, one in zip(names, layout.z_mm, slices, strict=True)
        ),
        rows=first.rows,
        columns=first.columns,
        plane=layout.plane,
        spacing_mm=layout.spacing_mm,
        extent_mm=float(layout.positions_mm[-1] - layout.positions_mm[0]) if placed else None,
        has_hu=True,
        flags=_flags(stack, layout, copied, reused),
        patient_id=first.patient_id,
        study_uid=first.study_uid,
        series_uid=first.series_uid,
        series_number=first.series_number,
        accession=first.accession,
        original=first.image_type[:1] != ("DERIVED",),
        attributes=_attributes(slices[0]),
    )


def _name(one: Slice, reused: set[str]) -> str:
    """The SOP instance UID, with the frame's index; with number and place where several images share one or have none."""
    uid, frame = one.header.sop_uid or "", one.frame
    if frame.index >= 0:
        return f"{uid}#{frame.index}"
    if uid and uid not in reused:
        return uid
    return f"{uid or one.header.series_uid or ''}#{frame.number}@{frame.position or frame.location}"


def _flags(stack: Stack, layout: Layout, copied: frozenset[str], reused: set[str]) -> tuple[str, ...]:
    headers = [one.header for one in stack.slices]
    uids = {header.sop_uid for header in headers if header.sop_uid}
    flags = {
        **dict.fromkeys(stack.flags + layout.flags, True),
        "duplicate_slices": "duplicate_slices" in stack.flags or bool(uids & copied),
        "uid_reused": bool(uids & reused),
        "lossy": any(header.lossy for header in headers),
        "no_rescale": not all(header.rescaled for header in headers),
    }
    return tuple(flag for flag, there in flags.items() if there)


def _attributes(one: Slice) -> dict[str, str]:
    texts = dict(one.header.texts)
    values = {
        "manufacturer": manufacturer(texts.get("manufacturer")),
        "model": model_family(texts.get("model")),
        "kernel": kernel(texts.get("kernel") or one.frame.phases[1]),
        "sex": sex(texts.get("sex")),
        "age_band": age_band(texts.get("age")),
        "contrast": contrast_agent(texts.get("contrast")),
        "kvp": kvp(texts.get("kvp")),
        "body_part": body_part(texts.get("body_part")),
        "transfer_syntax": CLASSES[one.header.syntax],
    }
    return {name: value for name, value in values.items() if value}
