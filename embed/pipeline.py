"""The embedding path: decode each missing scan once, give it to the encoder in every view asked for, commit in chunks."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.errors import (
    BankAccessError,
    EncoderError,
    MapMissingError,
    ReadError,
    ScanbankError,
    SourceChangedError,
    UsageError,
    ViewError,
)
from ..store.feature_rows import FeatureRows
from ..store.progress import Progress, Silent
from ..store.readers import import_loaders, load_volume
from ..store.renumber import accept_changes
from ..store.scan import Volume
from ..store.specs import FeatureKey, Kind, ViewSpec
from .buffer import FeatureBuffer
from .depths import depth_rows
from .encoder import Encoder
from .hu_check import HuVerdict, examine
from .plan import Work, missing, present
from .reuse import Reusable
from .views import check_view, slice_batches, volume_batches

if TYPE_CHECKING:
    from ..store.bank import Bank

PLANES = 32
"""Planes given to an encoder at once."""


@dataclass
class EmbedReport:
    """What became of the volumes of a bank."""

    volumes: int = 0
    """Volumes that got vectors."""
    copied: int = 0
    """Volumes whose vectors were copied from a scan of equal content."""
    skipped: int = 0
    """Volumes that had all their vectors."""
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    sets: dict[str, int] = field(default_factory=dict[str, int])
    """Feature set to the vectors that it got."""
    suspicious: int = 0
    """Volumes that got vectors though their voxels may be no HU."""
    suspicion: str = ""
    """What was seen in the first of them."""
    interrupted: bool = False


def keys_of(encoder: Encoder, views: Sequence[ViewSpec], *, depth: bool = True) -> list[FeatureKey]:
    """The feature sets that embedding with these views fills: of volumes where the encoder takes volumes, else of slices.

    With `depth`, also the vectors along depth of an encoder that gives them.

    Raises:
        EncoderError: the encoder takes no scans, or a view does not fit it.
    """
    if not encoder.offers & {"volume", "slice"}:
        raise EncoderError(f"encoder {encoder.spec.name!r} takes neither volumes nor slices")
    for view in views:
        encoder.check_view(view)
    kinds: list[Kind] = ["volume"] if "volume" in encoder.offers else ["slice"]
    if depth and encoder.gives_depth:
        kinds.append("depth")
    return [FeatureKey(kind, encoder.spec, view) for view in dict.fromkeys(views) for kind in kinds]


def embed(
    bank: Bank,
    encoder: Encoder,
    views: Sequence[ViewSpec] = (),
    *,
    depth: bool = True,
    accept_changed: bool = False,
    accept_hu: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> EmbedReport:
    """Give every volume of the bank that lacks them its vectors, in each of `views` (by default the encoder's own).

    A scan that cannot be read or viewed costs itself only: it goes to the table `failures`. On Ctrl-C what is done is
    committed, and the report says `interrupted`.

    Args:
        bank: The bank; it must have been ingested on this machine, which knows where the files are.
        encoder: From `open_encoder`.
        views: One feature set each.
        depth: Keep the vectors along depth too, where the encoder gives them.
        accept_changed: Take files that changed since ingest as they are now; vectors of what they held before are left behind.
        accept_hu: Take voxels for HU also where air and soft tissue lie elsewhere than HU have them.
        workers: Threads that decode ahead; memory holds that many volumes and two more.
        progress: Told of stages and steps.

    Raises:
        EncoderError: the encoder takes no scans, or a view does not fit it.
        MapMissingError: this machine knows the files of none of the volumes that lack vectors.
        UsageError: the bank holds no volumes.
    """
    keys = keys_of(encoder, views or [encoder.view], depth=depth)
    progress = progress or Silent()
    if accept_changed:
        accept_changes(bank, progress=progress)
    return _Run(bank, encoder, keys, progress, accept_hu).go(workers)


class _Run:
    def __init__(self, bank: Bank, encoder: Encoder, keys: list[FeatureKey], progress: Progress, accept_hu: bool) -> None:
        self.bank = bank
        self.encoder = encoder
        self.keys = keys
        self.progress = progress
        self.accept_hu = accept_hu
        self.have = present(bank, keys)
        self.buffer = FeatureBuffer(bank, keys, self.have, f"embed: {', '.join(key.name for key in keys)}")
        self.report = EmbedReport(sets={key.name: 0 for key in keys})
        self.reusable = Reusable(bank, self.have)
        failures = bank.sql("SELECT stage, source FROM failures WHERE stage IN ('decode', 'embed')").to_pylist()
        self.failed_before = {(row["stage"], row["source"]) for row in failures}

    def go(self, workers: int) -> EmbedReport:
        todo, self.report.skipped = missing(self.bank, self.keys, self.have)
        if not todo and not self.report.skipped:
            raise UsageError(f"{self.bank.name} holds no volumes; `scanbank ingest` some first")
        _check_map(self.bank, todo)
        self.progress.start(f"embedding with {self.encoder.spec.name}", len(todo))
        try:
            for work, decoded in self._decoded(todo, workers):
                self._one(work, decoded)
                self.buffer.flush_if_due()
                self.progress.advance()
        except KeyboardInterrupt:
            self.report.interrupted = True
        self.buffer.flush()
        self.bank.refresh()
        return self.report

    def _decoded(self, todo: Sequence[Work], workers: int) -> Iterator[tuple[Work, Volume | ScanbankError]]:
        """Volumes in order, decoded ahead by at most `workers`."""
        queue: deque[tuple[Work, Future[Volume | ScanbankError]]] = deque()
        import_loaders(self.bank.sql("SELECT DISTINCT kind FROM volumes").column("kind").to_pylist())
        pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode")
        try:
            rest = iter(todo)
            queue.extend((work, pool.submit(self._decode, work)) for work in islice(rest, max(1, workers)))
            while queue:
                work, future = queue.popleft()
                decoded = future.result()
                queue.extend((following, pool.submit(self._decode, following)) for following in islice(rest, 1))
                yield work, decoded
                del decoded, future
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _decode(self, work: Work) -> Volume | ScanbankError:
        try:
            return decode(self.bank, work, self.reusable.content_of(work.volume))
        except BankAccessError:  # of the local map: no scan's fault
            raise
        except ScanbankError as error:
            return error
        except MemoryError:
            return ReadError("not enough memory to decode it")
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes, and must cost this scan only
            return ReadError(f"decoding ended with {type(error).__name__}")

    def _one(self, work: Work, decoded: Volume | ScanbankError) -> None:
        if not isinstance(decoded, Volume):
            self._fail("decode", work, work.volume, decoded)
            return
        verdict = HuVerdict("ok") if self.accept_hu or not decoded.has_hu else examine(decoded.voxels)
        if verdict.judgement == "wrong":
            error = ReadError(f"{verdict}; `embed --accept-hu` takes it as it is")
            self._fail("decode", work, work.volume, error, shown=f"{verdict.reason}; `embed --accept-hu` takes it as it is")
            return
        if verdict.judgement == "suspicious":
            self.report.suspicious += 1
            self.report.suspicion = self.report.suspicion or str(verdict)
        self._clear("decode", work.volume)
        if self.reusable.is_new(work, decoded.content):
            self.buffer.add_row("contents", {"volume": work.volume, "content": decoded.content})
        wanted: dict[str, NDArray[np.int64]] = {}
        for key in self.keys:
            items = work.items(key.kind)
            lacking = np.flatnonzero(~self.have[key.digest].mask(items))
            source = f"{work.volume}:{key.digest[:8]}"
            if not len(lacking):
                continue
            try:
                check_view(key.view, decoded)
            except ViewError as error:
                self._fail("embed", work, source, error)
                continue
            self._clear("embed", source)
            wanted[key.digest] = lacking
        self._encode(work, decoded, wanted)

    def _encode(self, work: Work, volume: Volume, wanted: dict[str, NDArray[np.int64]]) -> None:
        keys = [key for key in self.keys if key.digest in wanted]
        copied = {key.digest: v for key in keys if (v := self.reusable.find(key, volume.content)) is not None}
        vectors: dict[str, FeatureRows] = dict(copied)
        rest = [key for key in keys if key.digest not in copied]
        try:
            vectors |= self._vectors(work, volume, rest)
        except (EncoderError, ViewError) as error:
            for key in rest:
                self._fail("embed", work, f"{work.volume}:{key.digest[:8]}", error)
            rest = []
        for key in keys:
            if key.digest not in vectors:
                continue
            whole, lacking = vectors[key.digest], wanted[key.digest]
            self.reusable.keep(key, volume.content, whole)
            self.buffer.add(key, work.items(key.kind)[lacking], whole[lacking])
            self.report.sets[key.name] += len(lacking)
        self.report.volumes += bool(vectors)
        self.report.copied += bool(copied) and not rest

    def _vectors(self, work: Work, volume: Volume, keys: Sequence[FeatureKey]) -> dict[str, FeatureRows]:
        """All items' vectors of one volume for each key: one decode, one resampling for views that differ in windows only."""
        if not keys:
            return {}
        input_range = self.encoder.spec.input_range
        if keys[0].kind != "slice":
            views = list(dict.fromkeys(key.view for key in keys))
            found: dict[str, FeatureRows] = {}
            for place, voxels, z_mm in volume_batches(volume, views, input_range):
                encoded = self.encoder.encode_volumes(voxels[None])
                for key in keys:
                    if key.view == views[place]:
                        found[key.digest] = depth_rows(encoded, z_mm) if key.kind == "depth" else FeatureRows(encoded.vector)
            return found
        views = [key.view for key in keys]
        vectors = {key.digest: np.empty((work.slices, key.encoder.dim), dtype=np.float32) for key in keys}
        for indices, planes in slice_batches(volume, views, input_range, PLANES):
            for key, pixels in zip(keys, planes, strict=True):
                vectors[key.digest][indices] = self.encoder.encode_slices(pixels).vector
        return {digest: FeatureRows(values) for digest, values in vectors.items()}

    def _fail(self, stage: str, work: Work, source: str, error: ScanbankError, shown: str = "") -> None:
        reason = str(error)
        self.failed_before.add((stage, source))
        row = {"stage": stage, "source": source, "volume": work.volume, "reason": reason, "files": 1, "noticed": datetime.now(UTC)}
        self.buffer.add_row("failures", row)
        self.report.failed += 1
        shown = shown or re.sub(r" \(\d+ bytes then, .* now\)", "", reason)  # alike for all files that changed
        self.report.reasons[shown] = self.report.reasons.get(shown, 0) + 1

    def _clear(self, stage: str, source: str) -> None:
        if (stage, source) in self.failed_before:
            self.buffer.add_row("failures", {"stage": stage, "source": source, "reason": "", "files": 1, "noticed": datetime.now(UTC)})


def _check_map(bank: Bank, todo: Sequence[Work]) -> None:
    """Raises MapMissingError where no volume can be found: one line, and nothing written, instead of a failure for each."""
    if todo and not any(bank.local_map.locate(work.volume) for work in todo):
        raise MapMissingError(
            f"voxels of {len(todo)} volumes are asked for, and the local map of this machine ({bank.local_map.path}) knows none of their "
            "files; bring that file along from where they were ingested, or ingest the scans here with the bank's key"
        )


def decode(bank: Bank, work: Work, content: str | None = None) -> Volume:
    """A volume of the bank, from its files on this machine. `content`: the digest of what it held when it was embedded before.

    Raises:
        SourceChangedError: a file has another size or time than at ingest.
        ReadError: it cannot be read, is not what was ingested, or holds voxels that no encoder should see.
    """
    located = bank.local_map.locate(work.volume)
    if located is None:
        raise ReadError("this machine does not know where its files are; ingest the folder here, or bring the local map along")
    try:
        volume = load_volume(located)
    except SourceChangedError:
        if content is None:
            raise
        volume = load_volume(located, accept_changed=True)
        if volume.content != content:
            raise
        bank.local_map.accept(work.volume)  # touched or moved, but what it holds is what was embedded
    _check_voxels(volume, work)
    return volume


def _check_voxels(volume: Volume, work: Work) -> None:
    """Raises ReadError for what no encoder should see."""
    found = volume.voxels.shape[volume.slice_axis]
    if found != work.slices:
        raise ReadError(f"it has {found} slices, but had {work.slices} at ingest; ingest its folder again")
    lowest, highest = volume.voxels.min(), volume.voxels.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int((~np.isfinite(volume.voxels)).sum())
        raise ReadError(f"{count} of {volume.voxels.size} voxels are NaN or infinite")
    if lowest == highest:
        raise ReadError(f"every voxel has the same value, {lowest:g}")
