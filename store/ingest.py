"""Ingest: find scans, read their headers, commit them as items in batches. Voxels are not decoded here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .commit import Commit
from .errors import UsageError
from .items import NamedScan, add_scans, mapped
from .known import Known
from .overlaps import overlaps
from .progress import Progress, Silent
from .readers import Images, find_scans
from .readers.scans import Declare
from .remember import remember
from .scan import Found, ScanHeader
from .windows import Window

if TYPE_CHECKING:
    from .bank import Bank

BATCH_SLICES = 20_000
"""Rows of `slices` that one commit takes at most: a kill loses no more than that many headers."""
_STAGE = "ingest"


@dataclass(frozen=True)
class IngestReport:
    """What became of what was found."""

    volumes: int = 0
    """New in the bank."""
    slices: int = 0
    known: int = 0
    """Volumes that were there already."""
    changed: int = 0
    """Of these, the ones with files that changed in place since: `embed` asks for --accept-changed."""
    replaced: int = 0
    """Volumes of the bank that a longer one of the same series took the place of."""
    failed: int = 0
    """Files that cannot be read."""
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    """Reason to number of files that are no CT scans: localizers, secondary captures, other modalities."""
    flags: dict[str, int] = field(default_factory=dict[str, int])
    """What is unusual to number of new volumes."""
    ignored: int = 0
    """Files of no format that is read."""


def ingest(
    bank: Bank,
    paths: Sequence[Path],
    *,
    images: Literal["stack", "each"] | None = None,
    exported_window: Window | None = None,
    workers: int = 1,
    but: Set[Path] = frozenset(),
    declare: Declare | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Read the headers of everything under `paths` and add what is new to the bank.

    Args:
        bank: The bank to add to.
        paths: Files and folders.
        images: How PNG and JPEG files are meant: numbered slices of one volume per folder, or each a volume.
        exported_window: The HU window that images were saved with.
        workers: Processes that read DICOM headers, this one among them; with more than one, the main script needs a main guard.
        but: Files that are no scans, such as masks beside them.
        declare: What the layout of a collection says of a file (`layouts`).
        progress: Told of stages and steps.

    Raises:
        UsageError: a path does not exist, or there are only images and `images` is not given.
    """
    progress = progress or Silent()
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")
    roots = [path.resolve() for path in paths]
    _ = bank.key  # asked for first: without it there is no point in reading a terabyte
    found = find_scans(roots, Images(images, exported_window), workers, progress, but, declare)
    if not found.scans and not found.rejected:
        where = ", ".join(map(str, paths))
        raise UsageError(f"no scans in {where}: {found.ignored} other files; expected DICOM, NIfTI, HDF5, or PNG/JPEG with --images")
    progress.start("writing", len(found.scans))
    before = _rejected_before(bank)
    writer = _Writer(bank)
    for batch in _batches(found.scans):
        writer.write(batch)
        progress.advance(len(batch))
    bank.refresh()
    changed = remember(bank, writer.again)
    _record_rejected(bank, roots, found, *before)
    known = len(found.scans) - len(writer.added)
    return replace(_report(found, writer.added, known), changed=changed, replaced=writer.replaced)


class _Writer:
    """Commits scans in batches. Names are given with the lock held, so that two ingests at once give each item one."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.added: list[NamedScan] = []
        self.again: list[NamedScan] = []
        self.replaced = 0
        self._known: Known | None = None
        self._head = ""

    def write(self, headers: Sequence[ScanHeader]) -> None:
        for commit in self.bank.commits(f"ingest: {len(headers)} volumes", volumes=len(headers)):
            with commit:
                new, again, replaced = self._write(commit, headers)
            if not commit.conflicted:
                self._head = commit.snapshot_id or commit.parent
                self.added += new
                self.again += again
                self.replaced += replaced

    def _write(self, commit: Commit, headers: Sequence[ScanHeader]) -> tuple[list[NamedScan], list[NamedScan], int]:
        """What is new, what was known, and how many volumes gave way."""
        if self._known is None or commit.parent != self._head:  # another process wrote since
            self.bank.refresh()
            self._known = Known(self.bank)
        known = self._known
        scans = [known.namer.name(header) for header in headers]
        found = overlaps(self.bank, [scan for scan in scans if scan.volume not in known.volumes], known.series)
        new: dict[str, NamedScan] = {}
        again = [scan for scan in scans if scan.volume in known.volumes]
        for scan in scans:
            if scan.volume not in known.volumes and scan.volume not in found.parts:
                new.setdefault(scan.volume, scan)
        # The map goes first: what it knows beyond the bank is harmless, the reverse is not.
        self.bank.local_map.put(mapped(scan) for scan in new.values())
        add_scans(commit, self.bank.key, list(new.values()), known.columns)
        _replace(self.bank, commit, found.replaced)
        known.add(new.values())
        return list(new.values()), again, len(found.replaced)


def _replace(bank: Bank, commit: Commit, replaced: Mapping[str, str]) -> None:
    """Hide volumes that gave way to others, and those that had given way to them before."""
    if not replaced:
        return
    rows = bank.snapshot.rows("volumes")
    for row in rows:
        row["replaced_by"] = replaced.get(row["volume"]) or replaced.get(row["replaced_by"] or "") or row["replaced_by"]
    commit.append("volumes", (row for row in rows if row["replaced_by"] in set(replaced.values())))


def _batches(scans: Sequence[ScanHeader]) -> Iterator[list[ScanHeader]]:
    batch: list[ScanHeader] = []
    slices = 0
    for scan in scans:
        if batch and slices + len(scan.slices) > BATCH_SLICES:
            yield batch
            batch, slices = [], 0
        batch.append(scan)
        slices += len(scan.slices)
    if batch:
        yield batch


def _rejected_before(bank: Bank) -> tuple[dict[str, str], set[str]]:
    """What earlier ingests said: failures by source with their reasons, and the sources left out."""
    failed = bank.snapshot.latest("failures", "reason")
    sources = bank.snapshot.latest("sources", "status")
    reasons = {row["source"]: row["reason"] for row in failed if row["stage"] == _STAGE and row["reason"]}
    return reasons, {row["source"] for row in sources if row["status"] == "left_out"}


def _record_rejected(bank: Bank, roots: Sequence[Path], found: Found, have: Mapping[str, str], seen: Set[str]) -> None:
    """Failures and what was left out, by keyed digest of the path; failures under `roots` that are gone are cleared."""
    now = datetime.now(UTC)
    digests = {rejected.path: bank.key.pseudonym("path", str(rejected.path)) for rejected in found.rejected}
    failed = {digests[r.path]: r for r in found.rejected if not r.left_out}
    rows = [
        {"stage": _STAGE, "source": source, "reason": rejected.reason, "files": rejected.files, "noticed": now}
        for source, rejected in failed.items()
        if have.get(source) != rejected.reason
    ]
    for source in set(have) - set(failed):
        path = bank.local_map.path_of(source)
        if path and any(path == root or root in path.parents for root in roots):
            rows.append({"stage": _STAGE, "source": source, "reason": "", "files": 1, "noticed": now})
    left = {
        bank.key.pseudonym("left-out", str(r.path), r.reason): {"status": "left_out", "files": r.files, "reason": r.reason}
        for r in found.rejected
        if r.left_out
    }
    if not rows and not left:
        return
    bank.local_map.put_paths((digest, path) for path, digest in digests.items())
    for commit in bank.commits(f"ingest: {len(failed)} failures, {len(left)} left out"):
        with commit:
            commit.append("failures", rows)
            commit.append("sources", ({"source": source} | row for source, row in left.items() if source not in seen))
    bank.refresh()


def _report(found: Found, fresh: Sequence[NamedScan], known: int) -> IngestReport:
    left: Counter[str] = Counter()
    for rejected in found.rejected:
        if rejected.left_out:
            left[rejected.reason] += rejected.files
    flags = Counter(flag for scan in fresh for flag in scan.header.flags)
    return IngestReport(
        volumes=len(fresh),
        slices=sum(len(scan.header.slices) for scan in fresh),
        known=known,
        failed=sum(r.files for r in found.rejected if not r.left_out),
        left_out=dict(left.most_common()),
        flags=dict(flags.most_common()),
        ignored=found.ignored,
    )
