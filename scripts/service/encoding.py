"""One scan in several windows through one model: volumes whole, slices a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ...embed.depths import depth_rows
from ...embed.views import check_view, slice_batches, volume_batches
from ...store.scan import Volume
from ...store.specs import ViewSpec
from .answers import finite_or_none
from .budget import Share
from .models import Served
from .threads import Threads

PLANES = 32
"""Slices that are prepared at once: memory grows with it and not with the scan."""


@final
@dataclass(frozen=True)
class ViewVectors:
    """A scan under one view."""

    view: ViewSpec
    kind: str
    vector: NDArray[np.float32]
    """(D,)."""
    steps: NDArray[np.float32] | None = None
    """(Z', D)."""
    z_mm: NDArray[Any] | None = None
    """(Z',)."""

    def to_json(self) -> dict[str, Any]:
        """As the schema `ViewResult`."""
        steps = None
        if self.steps is not None and self.z_mm is not None:
            steps = {"vectors": self.steps.tolist(), "z_mm": finite_or_none(self.z_mm)}
        return {
            "window": self.view.window_label,
            "view": self.view.digest,
            "kind": self.kind,
            "vector": self.vector.tolist(),
            "steps": steps,
        }


async def volume_results(
    volume: Volume, views: Sequence[ViewSpec], served: Served, threads: Threads, share: Share, *, depth: bool
) -> list[ViewVectors]:
    """One result for each view, in their order. Views are made in `threads`, one after the other.

    Raises:
        ViewError: the scan cannot give a view.
        EncoderError: a view does not fit the encoder, or the encoder failed.
        Problem: 429 where there is no room.
    """
    for view in views:
        served.encoder.check_view(view)
        check_view(view, volume)
    if "volume" in served.encoder.offers:
        return await _whole(volume, views, served, threads, share, depth)
    return await _by_slices(volume, views, served, threads, depth)


async def _whole(
    volume: Volume, views: Sequence[ViewSpec], served: Served, threads: Threads, share: Share, depth: bool
) -> list[ViewVectors]:
    found: dict[int, ViewVectors] = {}
    made = volume_batches(volume, views, served.encoder.spec.input_range)
    async for place, voxels, z_mm in threads.each(made):
        if not found:
            share.take(voxels.nbytes)
        encoded = await served.encode("volume", voxels[None])
        steps = rows = None
        if depth and served.encoder.gives_depth:
            rows = depth_rows(encoded, z_mm)
            steps = rows.vector[0][rows.mask[0]] if rows.mask is not None else rows.vector[0]
        levels = rows.z_mm[0][rows.mask[0]] if rows is not None and rows.z_mm is not None and rows.mask is not None else None
        found[place] = ViewVectors(views[place], "volume", encoded.vector[0], steps, levels)
    return [found[place] for place in range(len(views))]


async def _by_slices(volume: Volume, views: Sequence[ViewSpec], served: Served, threads: Threads, depth: bool) -> list[ViewVectors]:
    vectors: list[list[NDArray[np.float32]]] = [[] for _ in views]
    made = slice_batches(volume, views, served.encoder.spec.input_range, PLANES)
    async for _, planes in threads.each(made):
        for place, pixels in enumerate(planes):
            vectors[place].append((await served.encode("slice", pixels)).vector)
    results: list[ViewVectors] = []
    for view, parts in zip(views, vectors, strict=True):
        every = np.concatenate(parts)
        mean = every.mean(axis=0, dtype=np.float64).astype(np.float32)
        results.append(ViewVectors(view, "slice", mean, every if depth else None, volume.z_mm if depth else None))
    return results
