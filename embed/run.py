"""One run of the embedding path over the scans of a bank that lack vectors."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import MapMissingError, ReadError, ScanbankError, UsageError, ViewError
from ..store.local_map import Located
from ..store.progress import Progress
from ..store.readers import import_loaders
from ..store.specs import FeatureKey, ViewSpec
from .ahead import InOrder, ahead
from .assembly import ScanResult, plane_part, volume_part
from .batches import Batches
from .buffer import FeatureBuffer
from .decode_pool import DecodePool
from .decoding import Beside, Decoded, Job, Prepared, Request, decode_for, prepare
from .encoder import Encoder, Side
from .errors import is_out_of_device_memory
from .heap import Heap
from .plan import Work, masks_by_volume, missing, present
from .report import EmbedReport
from .reuse import Reusable
from .speed import Speed
from .views import check_view
from .wanted import is_aided, is_of_content, is_plain, is_resampled

if TYPE_CHECKING:
    from ..store.bank import Bank

BATCH: dict[Side, int] = {"slice": 32, "volume": 1}
"""Planes or volumes given to the encoder at once on the CPU."""
_ON_ACCELERATOR = 8
"""Times as many there."""
_HELD_SCANS, _HELD_BYTES = 16, 2**29
"""Scans on their way, and what they hold, before planes that wait for a full batch are encoded without."""
_WAITING_CALLS, _WAITING_BYTES = 64, 2**28
"""Of the thread that commits, and what they hold."""
_PREPARED_AHEAD = 2

_Ready = tuple[Work, Decoded | ScanbankError, dict[Request, Prepared | ScanbankError]]


@final
class Run:
    """State that lives as long as one call of `embed`."""

    def __init__(
        self,
        bank: Bank,
        encoder: Encoder,
        keys: list[FeatureKey],
        side: Side,
        layers: Sequence[int],
        progress: Progress,
        *,
        accept_hu: bool = False,
        reference: Path | None = None,
    ) -> None:
        self.bank = bank
        self.reference = reference
        self.masks = masks_by_volume(bank, [key.view.mask for key in keys])
        self.encoder = encoder
        self.keys = keys
        self.side: Side = side
        self.layers = layers
        self.progress = progress
        self.accept_hu = accept_hu
        self.have = present(bank, keys)
        self.buffer = FeatureBuffer(bank, keys, self.have, f"embed: {', '.join(key.name for key in keys)}")
        self.report = EmbedReport(sets={key.name: 0 for key in keys})
        self.reusable = Reusable(bank, self.have, by_slice=side == "slice")
        failures = bank.sql("SELECT stage, source FROM failures WHERE stage IN ('decode', 'embed')").to_pylist()
        self.failed_before = {(row["stage"], row["source"]) for row in failures}
        self.on_way: deque[ScanResult] = deque()
        self.speed = Speed()

    def go(self, workers: int, batch: int | None, shard: tuple[int, int], volumes: Collection[str] | None = None) -> EmbedReport:
        """Embed what is missing, of all volumes or of some."""
        todo, self.report.skipped = missing(self.bank, self.keys, self.have, by_slice=self.side == "slice")
        if not todo and not self.report.skipped:
            raise UsageError(f"{self.bank.name} holds no volumes; `scanbank ingest` some first")
        # by its id: processes that begin at other times agree on who does what
        todo = [work for work in todo if int(work.volume[:8], 16) % shard[1] == shard[0] and (volumes is None or work.volume in volumes)]
        _check_map(self.bank, todo)
        import_loaders(self.bank.sql("SELECT DISTINCT kind FROM volumes").column("kind").to_pylist())
        batches = Batches(self.encoder, self.side, self.layers, batch or BATCH[self.side] * (_ON_ACCELERATOR if self._device else 1))
        pool = DecodePool(self._decode, workers, self._isolated(), hurry=bool(self._device))
        writer, heap = InOrder(_WAITING_CALLS, _WAITING_BYTES), Heap()
        self.progress.start(f"embedding with {self.encoder.spec.name}", len(todo))
        ready = self._ready(pool, todo)
        # On an accelerator views are made by a thread, so that the next batch is there when it has done with one.
        stream = ahead(ready, _PREPARED_AHEAD) if self._device else ready
        try:
            for one in stream:
                self._one(one, batches, writer)
                heap.trim_if_due()
                self.progress.advance(1, self.speed.told(pool.waiting, self.report.failed))
            self._encode(batches, writer)
        except KeyboardInterrupt:
            self.report.interrupted = True
            pool.stop()
        finally:
            self._end(stream, writer)
        self.report.batch = batches.most
        self.bank.refresh()
        return self.report

    def _end(self, stream: Generator[_Ready, None, None], writer: InOrder) -> None:
        """Commit what is done. Ctrl-C meanwhile is told of and loses nothing; only a second one does."""
        try:
            stream.close()
            writer.do(self.buffer.flush)
            writer.end()
        except KeyboardInterrupt:
            if self.report.interrupted:
                raise
            self.report.interrupted = True
            writer.do(self.buffer.flush)
            writer.end()

    @property
    def _device(self) -> str:
        return self.encoder.accelerator

    def _isolated(self) -> Callable[[Work], bool]:
        """Compressed frames and HDF5 are read by libraries that damaged bytes have been seen to end the process of.

        Masks may hold such too.
        """
        rows = self.bank.sql("""SELECT volume FROM volumes WHERE kind = 'hdf5'
            UNION SELECT item FROM attributes WHERE level = 'volume' AND name = 'transfer_syntax' AND value <> 'native'""")
        held = set(rows.column(0).to_pylist())
        return lambda work: work.volume in held or work.volume in self.masks

    def _items(self, work: Work, key: FeatureKey) -> NDArray[np.int64]:
        return work.items_of(key, by_slice=self.side == "slice")

    def _request(self, work: Work, view: ViewSpec) -> Request:
        planes = self.side == "slice" and not is_resampled(view)
        return Request(view.geometry, planes, work.planes(view) if planes else None)

    def _requests(self, work: Work) -> tuple[Request, ...]:
        """What is made of a scan for the views in which it lacks vectors."""
        views = dict.fromkeys(key.view for key in self.keys if not self.have[key.digest].mask(self._items(work, key)).all())
        return tuple(dict.fromkeys(self._request(work, view) for view in views))

    def _decode(self, work: Work, run: Callable[[Job], Decoded]) -> Decoded:
        """With masks and alignments of scans made where they are decoded, and for an encoder on the CPU the rest by the thread that waits
        for it: a process that decodes alone is there at once, and small, as it need not load torch.
        """
        requests = self._requests(work)
        there = tuple(request for request in requests if is_aided(request.geometry))
        rest = [request for request in requests if request not in there]
        decoded = decode_for(
            self.bank,
            work,
            self.reusable.content_of(work.volume),
            there,
            run,
            keep_voxels=bool(rest) or not requests,
            beside=Beside(self._masks(work), self.reference),
        )
        here = [request for request in rest if not (self._device or is_plain(request.geometry))]
        made = {request: self._prepare(decoded, request) for request in here}
        keep = len(here) < len(rest) or not requests
        volume = decoded.volume if keep else replace(decoded.volume, voxels=decoded.volume.voxels[:0])
        return replace(decoded, volume=volume, prepared={**decoded.prepared, **made})

    def _masks(self, work: Work) -> tuple[tuple[str, Located], ...]:
        """Where the masks that views ask for are on this machine."""
        found = ((finding, self.bank.local_map.locate(mask)) for finding, mask in self.masks.get(work.volume, ()))
        return tuple((finding, located) for finding, located in found if located is not None)

    def _ready(self, pool: DecodePool, todo: Sequence[Work]) -> Generator[_Ready, None, None]:
        """Scans with all that was requested of them."""
        for work, decoded in pool.decoded(todo):
            prepared: dict[Request, Prepared | ScanbankError] = {}
            if isinstance(decoded, Decoded):
                for request in self._requests(work):
                    prepared[request] = decoded.prepared.get(request) or self._prepare(decoded, request)
            yield work, decoded, prepared

    def _prepare(self, decoded: Decoded, request: Request) -> Prepared | ScanbankError:
        try:
            return prepare(decoded.volume, request, self._device)
        except ViewError as error:
            return error
        except RuntimeError as error:
            if not is_out_of_device_memory(error):
                raise
            return ViewError(f"the scan does not fit into the memory of {self._device} under the view; embed it with --device cpu")

    def _one(self, ready: _Ready, batches: Batches, writer: InOrder) -> None:
        work, decoded, prepared = ready
        if not isinstance(decoded, Decoded):
            self._fail(writer, "decode", work, work.volume, decoded)
            return
        if not self.accept_hu and decoded.hu.judgement == "wrong":
            way_out = "; `embed --accept-hu` takes it as it is"
            error = ReadError(f"{decoded.hu}{way_out}")
            self._fail(writer, "decode", work, work.volume, error, shown=f"{decoded.hu.reason}{way_out}")
            return
        if not self.accept_hu and decoded.hu.judgement == "suspicious":
            self.report.suspicious += 1
            self.report.suspicion = self.report.suspicion or str(decoded.hu)
        self._clear(writer, "decode", work.volume)
        content = decoded.volume.content
        if self.reusable.is_new(work, content):
            writer.do(lambda: self.buffer.add_row("contents", {"volume": work.volume, "content": content}))
        result = ScanResult(work, decoded.volume, {})
        for key in self.keys:
            lacking = np.flatnonzero(~self.have[key.digest].mask(self._items(work, key)))
            if not len(lacking):
                continue
            found = prepared[self._request(work, key.view)]
            try:
                if isinstance(found, ScanbankError):
                    raise found
                check_view(key.view, decoded.volume)
                if self.side == "slice":
                    work.checked_planes(key.view)
            except ViewError as error:
                self._fail(writer, "embed", work, f"{work.volume}:{key.digest[:8]}", error)
                continue
            self._clear(writer, "embed", f"{work.volume}:{key.digest[:8]}")
            result.wanted[key] = lacking
        self.on_way.append(result)
        self._give(result, prepared, batches)
        if len(self.on_way) > _HELD_SCANS or sum(one.bytes for one in self.on_way) > _HELD_BYTES:
            self._encode(batches, writer)
        self._finish(writer)

    def _give(self, result: ScanResult, prepared: dict[Request, Prepared | ScanbankError], batches: Batches) -> None:
        """Hand over what is to be encoded; what a scan of equal content has, or is getting, is not."""
        content = result.volume.content
        coming = {key: other for other in self.on_way if other is not result and other.volume.content == content for key in other.wanted}
        todo: dict[ViewSpec, list[FeatureKey]] = {}
        for key in result.wanted:
            if (copied := self.reusable.find(key, content)) is not None:
                result.vectors[key] = copied
                result.copied.add(key)
            elif key in coming and is_of_content(key.view):
                result.follows[key] = coming[key]
            else:
                todo.setdefault(key.view, []).append(key)
        part_of = plane_part if self.side == "slice" else volume_part
        for view, keys in todo.items():
            found = prepared[self._request(result.work, view)]
            assert isinstance(found, Prepared)  # those that failed are not wanted any more
            result.bytes += int(found.values.nbytes)
            with self.speed.busy():
                batches.add(part_of(result, keys, found, self.encoder.spec.input_range))

    def _encode(self, batches: Batches, writer: InOrder) -> None:
        with self.speed.busy():
            batches.flush()
        self._finish(writer)

    def _finish(self, writer: InOrder) -> None:
        """Hand scans that are done to the thread that commits, in order."""
        while self.on_way and self.on_way[0].done:
            result = self.on_way.popleft()
            work = result.work
            for key, other in result.follows.items():
                if (copied := other.vectors.get(key)) is None:  # the other one could not be encoded
                    result.errors[key] = UsageError("a scan of equal content could not be encoded")
                else:
                    result.vectors[key] = copied
                    result.copied.add(key)
            for key, error in result.errors.items():
                self._fail(writer, "embed", work, f"{work.volume}:{key.digest[:8]}", error)
            for key, whole in result.vectors.items():
                lacking = result.wanted[key]
                self.reusable.keep(key, result.volume.content, whole)
                self._commit(writer, key, self._items(work, key)[lacking], whole, lacking)
                self.report.sets[key.name] += len(lacking)
            self.report.volumes += bool(result.vectors)
            self.report.copied += bool(result.copied) and len(result.copied) == len(result.wanted)
            self.speed.done()
            writer.do(self.buffer.flush_if_due)

    def _commit(self, writer: InOrder, key: FeatureKey, items: NDArray[np.int64], rows: Any, lacking: NDArray[np.int64]) -> None:
        writer.do(lambda: self.buffer.add(key, items, rows[lacking]), rows.nbytes)

    def _fail(self, writer: InOrder, stage: str, work: Work, source: str, error: ScanbankError, shown: str = "") -> None:
        reason = str(error)
        self.failed_before.add((stage, source))
        row = {"stage": stage, "source": source, "volume": work.volume, "reason": reason, "files": 1, "noticed": datetime.now(UTC)}
        writer.do(lambda: self.buffer.add_row("failures", row))
        self.report.failed += 1
        shown = shown or re.sub(r" \(\d+ bytes then, .* now\)", "", reason)  # alike for all files that changed
        self.report.reasons[shown] = self.report.reasons.get(shown, 0) + 1

    def _clear(self, writer: InOrder, stage: str, source: str) -> None:
        if (stage, source) in self.failed_before:
            row = {"stage": stage, "source": source, "reason": "", "files": 1, "noticed": datetime.now(UTC)}
            writer.do(lambda: self.buffer.add_row("failures", row))


def _check_map(bank: Bank, todo: Sequence[Work]) -> None:
    """Raises MapMissingError where no volume can be found: one line, and nothing written, instead of a failure for each."""
    if todo and not any(bank.local_map.locate(work.volume) for work in todo):
        raise MapMissingError(
            f"voxels of {len(todo)} volumes are asked for, and the local map of this machine ({bank.local_map.path}) knows none of their "
            "files; bring that file along from where they were ingested, or ingest the scans here with the bank's key"
        )
