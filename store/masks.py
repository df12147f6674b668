"""Masks of the user's: attached to volumes, their files kept in the local map alone. Headers are read; nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .local_map import MappedScan
from .mask_files import FoundMask, MaskMatcher, named_mask
from .mask_findings import declared
from .progress import Progress, Silent
from .readers import nifti
from .readers.files import find
from .readers.sources import file_digest, source_of
from .renumber import renumber
from .scan import Rejected, Source

if TYPE_CHECKING:
    from .bank import Bank

_STAGE = "masks"


@dataclass(frozen=True)
class MaskReport:
    """What became of mask files."""

    masks: int = 0
    """New in the bank: of a finding on a volume."""
    volumes: int = 0
    """That have them."""
    known: int = 0
    changed: int = 0
    """Masks that took the place of others of the same finding and volume."""
    failed: int = 0
    left_out: int = 0
    """Files that are no masks."""
    findings: dict[str, int] = field(default_factory=dict[str, int])
    """Finding to masks, new ones."""
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    """Why files were not taken, to their number."""


def mask_paths(roots: Sequence[Path]) -> list[tuple[Path, str]]:
    """NIfTI and DICOM files below folders, as (path, format).

    Raises:
        UsageError: a path does not exist, or there is none.
    """
    found = [(path.resolve(), kind) for path, kind in find([root.resolve() for root in roots]) if kind in ("nifti", "dicom")]
    if not found:
        raise UsageError(f"no masks in {', '.join(map(str, roots))}; expected NIfTI files or DICOM segmentations")
    return [(path, str(kind)) for path, kind in found]


def not_scans(masks: Sequence[tuple[Path, str]], roots: Sequence[Path], scans: Sequence[Path]) -> frozenset[Path]:
    """The files that ingest should not take for scans: those called a mask, and all NIfTI files of a folder that is for masks alone."""
    taken = [scan.resolve() for scan in scans]
    apart = [root.resolve() for root in roots if not any(root.resolve() in (scan, *scan.parents) for scan in taken)]
    return frozenset(
        path
        for path, kind in masks
        if kind == "nifti" and (named_mask(path) is not None or any(path == root or root in path.parents for root in apart))
    )


def ingest_masks(
    bank: Bank, files: Sequence[tuple[Path, str]], findings: Sequence[str] = (), *, progress: Progress | None = None
) -> MaskReport:
    """Attach masks to the volumes of a bank; what matches nothing is recorded in `failures`.

    Args:
        bank: The bank; its scans are ingested on this machine, or the masks are DICOM segmentations.
        files: From `mask_paths`.
        findings: What masks show beside the names that are known: `NAME`, or `THEIRS=OURS`.
        progress: Told of stages and steps.

    Raises:
        UsageError: a finding cannot be understood.
    """
    said = declared(findings)
    progress = progress or Silent()
    progress.start("matching masks", len(files))
    matcher = MaskMatcher(bank, said)
    found: dict[tuple[str, str], tuple[FoundMask, MappedScan, str]] = {}
    rejected: list[Rejected] = []
    for path, kind in files:
        for one in matcher.match(path, kind):
            taken = one if isinstance(one, Rejected) else _named(bank, one)
            if isinstance(taken, Rejected):
                rejected.append(taken)
            elif isinstance(one, FoundMask):
                key = (one.volume, one.finding)
                if key in found and found[key][2] != taken[1]:
                    rejected.append(Rejected(path, "another file is a mask of the same finding and scan; name their findings apart"))
                else:
                    found[key] = (one, *taken)
        progress.advance()
    counts, new = _write(bank, found)
    failed = [one for one in rejected if not one.left_out]
    _record(bank, [path for path, _ in files], failed)
    return MaskReport(
        masks=len(new),
        volumes=len({volume for volume, _ in found}),
        known=counts["known"],
        changed=counts["changed"],
        failed=len(failed),
        left_out=len(rejected) - len(failed),
        findings=dict(Counter(finding for _, finding in new).most_common()),
        reasons=dict(Counter(one.reason for one in failed).most_common()),
    )


def _named(bank: Bank, one: FoundMask) -> tuple[MappedScan, str] | Rejected:
    """Where a mask is, under its id, and the digest of what it holds; or why its file cannot be read."""
    if one.kind == "nifti":
        header = nifti.scan(one.path)
        if isinstance(header, Rejected):
            return header
        digest, sources = header.names[0], header.sources
    else:
        digest, source = file_digest(one.path), source_of(one.path)
        sources = tuple(Source(source.path, number, source.size, source.mtime_ns) for number in one.segments)
    content = bank.key.pseudonym("mask-content", digest, *map(str, one.segments))
    mask = bank.key.pseudonym("mask", one.volume, one.finding)
    return MappedScan(mask, one.kind, sources, None, bank.key.pseudonym("mask-name", content)), content


def _write(bank: Bank, found: dict[tuple[str, str], tuple[FoundMask, MappedScan, str]]) -> tuple[Counter[str], list[tuple[str, str]]]:
    """One commit; says how many were known or changed, and which are new."""
    counts: Counter[str] = Counter()
    new: list[tuple[str, str]] = []
    bank.local_map.put(mapped for _, mapped, _ in found.values())
    for commit in bank.commits(f"masks: {len(found)}", masks=len(found)):
        with commit:
            bank.refresh()
            counts, new = Counter(), []
            have = {row["mask"]: row["content"] for row in bank.snapshot.latest("masks", "content")}
            rows: list[dict[str, Any]] = []
            stale: dict[str, set[str]] = {}
            for (volume, finding), (_, mapped, content) in found.items():
                if have.get(mapped.volume) == content:
                    counts["known"] += 1
                    continue
                if mapped.volume in have:
                    counts["changed"] += 1
                    stale.setdefault(volume, set()).add(finding)
                else:
                    new.append((volume, finding))
                rows.append({"mask": mapped.volume, "volume": volume, "finding": finding, "content": content})
            commit.append("masks", rows)
            renumber(bank, commit, _outdated(bank, stale))
    bank.refresh()
    return counts, new


def _outdated(bank: Bank, stale: dict[str, set[str]]) -> list[str]:
    """Volumes with vectors under a mask that changed: these would pass for vectors under the new one."""
    if not stale:
        return []
    used = {one.key.view.mask.removesuffix(":crop").removeprefix("user:") for one in bank.feature_sets if one.key.view.mask}
    return [volume for volume, findings in stale.items() if findings & used]


def _record(bank: Bank, paths: Sequence[Path], failed: Sequence[Rejected]) -> None:
    """Failures by keyed digest of the path; those of files that went well since are cleared."""
    digests = {path: bank.key.pseudonym("path", str(path)) for path in paths}
    reasons: dict[str, str] = {}
    for one in failed:
        reasons.setdefault(digests[one.path], one.reason)
    before = {row["source"]: row["reason"] for row in bank.snapshot.latest("failures", "reason") if row["stage"] == _STAGE}
    now = datetime.now(UTC)
    rows = {source: reason for source, reason in reasons.items() if before.get(source) != reason}
    rows |= {source: "" for source in digests.values() if before.get(source) and source not in reasons}
    if not rows:
        return
    bank.local_map.put_paths((digest, path) for path, digest in digests.items() if digest in reasons)
    for commit in bank.commits(f"masks: {len(reasons)} failures"):
        with commit:
            commit.append(
                "failures",
                ({"stage": _STAGE, "source": source, "reason": reason, "files": 1, "noticed": now} for source, reason in rows.items()),
            )
    bank.refresh()
