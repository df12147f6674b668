"""Files of masks: whose scan they are of, by what DICOM segmentations refer to, or by where NIfTI files lie and what they are called."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, final

from .errors import ReadError
from .mask_findings import UNNAMED, finding_of
from .matching import Catalog
from .readers.dicom_seg import read_seg_header
from .scan import Rejected, SourceKind

if TYPE_CHECKING:
    from .bank import Bank

_NAMED = re.compile(r"(?P<scan>.+?)[._-](?:mask|seg|segmentation|label)s?(?:[._-](?P<finding>.+))?", re.IGNORECASE)
_NO_FINDING = "its name, or its segment's label, is no finding that is known; say it with --mask-finding NAME or THEIRS=OURS"


@final
@dataclass(frozen=True)
class FoundMask:
    """A mask of a finding on a volume of the bank."""

    volume: str
    finding: str
    kind: SourceKind
    path: Path
    segments: tuple[int, ...] = ()
    """Of a DICOM segmentation."""


def stem(path: Path) -> str:
    """A file's name without `.nii`, `.nii.gz` or whatever its ending is."""
    name = path.name.removesuffix(".gz") if path.name.lower().endswith(".nii.gz") else path.name
    return Path(name).stem


def named_mask(path: Path) -> re.Match[str] | None:
    """The parts of a name such as `scan_mask.nii.gz` or `scan_seg_LUNG.nii.gz`."""
    return _NAMED.fullmatch(stem(path))


@final
class MaskMatcher:
    """Finds the volumes of mask files."""

    def __init__(self, bank: Bank, said: dict[str, str]) -> None:
        self._catalog = Catalog(bank)
        self._bank = bank
        self._said = said
        rows = (*bank.snapshot.latest("labels", "finding"), *bank.snapshot.latest("masks", "finding"))
        self._known = {row["finding"] for row in rows}

    def match(self, path: Path, kind: str) -> Iterator[FoundMask | Rejected]:
        """What a file holds: masks, or why it is of no use."""
        if kind == "dicom":
            yield from self._seg(path)
            return
        found = self._by_name(path)
        if isinstance(found, Rejected):
            yield found
            return
        volumes, finding = found
        if finding is None:
            yield Rejected(path, _NO_FINDING)
            return
        yield from (FoundMask(volume, finding, "nifti", path) for volume in volumes)

    def _finding(self, name: str | None) -> str | None:
        return UNNAMED if name is None else finding_of(name, self._said, self._known)

    def _seg(self, path: Path) -> Iterator[FoundMask | Rejected]:
        try:
            header = read_seg_header(path)
        except ReadError as error:
            yield Rejected(path, str(error))
            return
        if header is None:
            yield Rejected(path, "DICOM, but no segmentation", left_out=True)
            return
        volumes = self._catalog.volumes_of_images(header.series_uids, header.sop_uids)
        if not volumes:
            yield Rejected(path, "none of the images that it refers to is in the bank; ingest the scans first")
            return
        segments: dict[str, list[int]] = defaultdict(list)
        for number, label in header.labels:
            finding = self._finding(label)
            if finding is None:
                yield Rejected(path, f"segment {number}: {_NO_FINDING}")
            else:
                segments[finding].append(number)
        for finding, numbers in segments.items():
            yield from (FoundMask(volume, finding, "seg", path, tuple(numbers)) for volume in volumes)

    def _by_name(self, path: Path) -> tuple[Sequence[str], str | None] | Rejected:
        named = named_mask(path)
        if named:
            volumes = self._called(named["scan"], path)
            if len(volumes) == 1:
                return volumes, self._finding(named["finding"])
        if any(at == path for _, at in self._files.get(stem(path), ())):
            return Rejected(path, "a scan of the bank, not a mask", left_out=True)
        alike = self._called(stem(path), path)
        if len(alike) == 1:
            return alike, finding_of(path.parent.name, self._said, self._known) or UNNAMED
        if len(alike) > 1:
            return Rejected(path, f"{len(alike)} scans have its name; name masks by a table, or put them beside the scans")
        beside = self._beside(path)
        if len(beside) == 1:
            return beside, self._finding(stem(path))
        if len(beside) > 1:
            return Rejected(path, f"{len(beside)} scans lie where it would belong; call it SCAN_mask or SCAN_seg_FINDING")
        return Rejected(path, "no scan is called so, or lies in a folder that goes with its folder")

    def _called(self, name: str, path: Path) -> list[str]:
        """Volumes of one file of this name: those in the mask's folder if there are any, else of all folders; never the mask itself."""
        found = [(volume, at) for volume, at in self._files.get(name, ()) if at != path]
        return [volume for volume, at in found if at.parent == path.parent] or [volume for volume, _ in found]

    def _beside(self, path: Path) -> list[str]:
        """Volumes of the folder whose last names are those of the mask's folder, the more the better, or of a folder above the mask."""
        parts = path.parent.parts
        best: list[str] = []
        longest = 0
        for folder in self._ending.get(parts[-1] if parts else "", ()):
            common = 0
            while common < min(len(folder.parts), len(parts)) and folder.parts[-1 - common] == parts[-1 - common]:
                common += 1
            if common > longest:
                best, longest = [], common
            if common == longest:
                best += self._folders[folder]
        if best:
            return best
        return next((self._folders[folder] for folder in (path.parent, *list(path.parents)[1:2]) if folder in self._folders), [])

    @cached_property
    def _places(self) -> list[tuple[str, str, Path]]:
        """(volume, kind, first file)."""
        return [place for place in self._bank.local_map.first_files() if place[0] in self._catalog.volumes]

    @cached_property
    def _files(self) -> Mapping[str, list[tuple[str, Path]]]:
        found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
        for volume, kind, path in self._places:
            if kind != "dicom":
                found[stem(path)].append((volume, path))
        return found

    @cached_property
    def _folders(self) -> Mapping[Path, list[str]]:
        found: dict[Path, list[str]] = defaultdict(list)
        for volume, _, path in self._places:
            found[path.parent].append(volume)
        return found

    @cached_property
    def _ending(self) -> Mapping[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for folder in self._folders:
            found[folder.name].append(folder)
        return found
