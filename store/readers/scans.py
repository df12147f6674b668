"""Finding scans below folders: files by format, headers read in parallel, series grouped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

from ..declared import Declared
from ..errors import UsageError
from ..progress import Progress
from ..scan import Found, Rejected, ScanHeader
from ..windows import Window
from .files import find
from .spread import spread

Declare = Callable[[Path], Declared | Rejected | None]
"""What a layout says of the file at a path: None where it says nothing, `Rejected` where it cannot be read without its word."""


@dataclass(frozen=True)
class Images:
    """What the user says of PNG and JPEG files, which cannot tell themselves."""

    mode: Literal["stack", "each"] | None = None
    exported_window: Window | None = None


def find_scans(
    roots: Sequence[Path], images: Images, workers: int, progress: Progress, but: Set[Path] = frozenset(), declare: Declare | None = None
) -> Found:
    """Everything under `roots` but some files, from headers only. `declare` says what a layout knows of a file, by its path.

    Raises:
        UsageError: there are images, nothing else, and no word on how they are meant.
    """
    progress.start("looking for files")
    by_format: dict[str, list[Path]] = defaultdict(list)
    rejected: list[Rejected] = []
    ignored = 0
    for path, format in find(roots):
        progress.advance()
        if isinstance(format, Rejected):
            rejected.append(format)
        elif format is None or path in but:
            ignored += 1
        else:
            by_format[format].append(path)
    pictures = by_format["image"]
    if pictures and images.mode is None:
        if not any(by_format[f] for f in ("dicom", "nifti", "hdf5")):
            raise UsageError(
                f"{len(pictures)} images found, and images do not say what they are; give --images stack (a folder of numbered slices "
                "is one volume) or --images each (every image is a volume of one slice)"
            )
        rejected += [Rejected(folder, "image beside scans; --images stack or each reads it", True, n) for folder, n in _by_folder(pictures)]
        pictures = []
    parts = [Found(rejected=tuple(rejected), ignored=ignored)]
    if by_format["dicom"]:
        parts.append(_dicom(by_format["dicom"], workers, progress, declare))
    total = len(by_format["nifti"]) + len(by_format["hdf5"]) + len(pictures)
    if total:
        progress.start("reading headers", total)
    parts.append(_sorted(_counted((_nifti(path, declare) for path in by_format["nifti"]), progress)))
    parts.append(_sorted(_counted((import_module(".hdf5", __package__).scan(path) for path in by_format["hdf5"]), progress)))
    if pictures:
        parts.append(_sorted(_counted(_images(pictures, images), progress)))
    return Found(
        tuple(scan for part in parts for scan in part.scans),
        tuple(r for part in parts for r in part.rejected),
        sum(part.ignored for part in parts),
    )


def _nifti(path: Path, declare: Declare | None) -> ScanHeader | Rejected:
    from .nifti import scan

    declared = declare(path) if declare is not None else None
    return declared if isinstance(declared, Rejected) else scan(path, declared)


def _dicom(paths: Sequence[Path], workers: int, progress: Progress, declare: Declare | None) -> Found:
    from .dicom_headers import DicomHeader, read_header
    from .dicom_series import aggregate, group

    progress.start("reading headers", len(paths))
    read: dict[int, list[DicomHeader | Rejected]] = {}
    for at, chunk in spread(read_header, paths, workers):
        read[at] = chunk
        progress.advance(len(chunk))
    every = [header for at in sorted(read) for header in read[at]]
    found = group([header for header in every if not isinstance(header, Rejected)])
    rejected = aggregate([*(header for header in every if isinstance(header, Rejected)), *found.rejected])
    scans = found.scans if declare is None else tuple(_named(scan, declare(scan.sources[0].path)) for scan in found.scans)
    return Found(scans, rejected, found.ignored)


def _named(scan: ScanHeader, declared: Declared | Rejected | None) -> ScanHeader:
    """A series whose headers name no patient or study is named by its place in the layout."""
    if not isinstance(declared, Declared):
        return scan
    return replace(scan, patient_id=scan.patient_id or declared.patient_id, study_uid=scan.study_uid or declared.study_uid)


def _by_folder(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    return sorted(Counter(path.parent for path in paths).items())


def _images(paths: Sequence[Path], images: Images) -> Iterator[ScanHeader | Rejected]:
    from .images import scan_each, scan_stack

    if images.mode == "each":
        yield from (scan_each(path, images.exported_window) for path in paths)
        return
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path)
    for folder, members in folders.items():
        yield scan_stack(folder, members, images.exported_window)


def _counted(results: Iterable[ScanHeader | Rejected], progress: Progress) -> Iterator[ScanHeader | Rejected]:
    for result in results:
        progress.advance(len(result.sources) if isinstance(result, ScanHeader) else result.files)
        yield result


def _sorted(results: Iterable[ScanHeader | Rejected]) -> Found:
    listed = list(results)
    return Found(tuple(r for r in listed if isinstance(r, ScanHeader)), tuple(r for r in listed if isinstance(r, Rejected)))
