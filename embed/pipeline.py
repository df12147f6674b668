"""The embedding path: decode each missing scan once, give it to the encoder in every view asked for, commit in chunks.

Scans are decoded ahead by threads or processes, put on the views' grids there or on the encoder's device, encoded in batches that
hold planes of several scans, and committed by a thread of its own. Scans are finished in order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..store.progress import Progress, Silent
from ..store.renumber import accept_changes
from ..store.specs import ViewSpec
from .encoder import Encoder
from .feasible import check_feasible
from .report import EmbedReport
from .run import Run
from .wanted import Outputs, keys_of, side_of

if TYPE_CHECKING:
    from ..store.bank import Bank


def embed(
    bank: Bank,
    encoder: Encoder,
    views: Sequence[ViewSpec] = (),
    *,
    outputs: Outputs | None = None,
    volumes: Collection[str] | None = None,
    accept_changed: bool = False,
    accept_hu: bool = False,
    reference: Path | None = None,
    workers: int = 1,
    batch: int | None = None,
    shard: tuple[int, int] = (0, 1),
    progress: Progress | None = None,
) -> EmbedReport:
    """Give every volume of the bank that lacks them its vectors, in each of `views` (by default the encoder's own).

    A scan that cannot be read or viewed costs itself only: it goes to the table `failures`. On Ctrl-C what is done is
    committed, and the report says `interrupted`.

    Args:
        bank: The bank; it must have been ingested on this machine, which knows where the files are.
        encoder: From `open_encoder`.
        views: One feature set each, or several where `outputs` asks for more.
        outputs: What is kept of what the encoder gives; by default vectors, and vectors along depth where it has them.
        volumes: Only these, by id.
        accept_changed: Take files that changed since ingest as they are now; vectors of what they held before are left behind.
        accept_hu: Take voxels for HU also where air and soft tissue lie elsewhere than HU have them.
        reference: The NIfTI file that views with `align` are aligned to.
        workers: Scans that are decoded at a time; memory holds that many and a few more.
        batch: Planes or volumes given to the encoder at once; by default what suits the device.
        shard: (i, n): part i, from 0, of n parts of the volumes, for n processes beside each other.
        progress: Told of stages and steps.

    Raises:
        EncoderError: the encoder takes no scans, a view does not fit it, or it went out of reach.
        MapMissingError: this machine knows the files of none of the volumes that lack vectors.
        UsageError: the bank holds no volumes.
        ViewError: no scan of the bank can give a view.
    """
    outputs, views, progress = outputs or Outputs(), views or [encoder.view], progress or Silent()
    keys = keys_of(encoder, views, outputs)
    check_feasible(bank, [key.view for key in keys])
    if accept_changed:
        accept_changes(bank, progress=progress)
    run = Run(bank, encoder, keys, side_of(encoder, outputs), outputs.layers, progress, accept_hu=accept_hu, reference=reference)
    return run.go(workers, batch, shard, volumes)


__all__ = ["EmbedReport", "Outputs", "embed", "keys_of"]
