"""Pixels of many scans in one batch: grouped by shape, as large as the device allows, always in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import EncoderError
from .encoder import Encoded, Encoder, Side
from .errors import EncoderUnavailableError, OutOfDeviceMemoryError, is_out_of_device_memory


@final
@dataclass(frozen=True)
class Part:
    """Some rows of what one scan needs in one view."""

    take: Callable[[slice], Any]
    """Rows of it as pixels (b, C, Y, X) or voxels (b, C, Z, Y, X), float32 in the encoder's input range: made when they are needed."""
    shape: tuple[int, ...]
    """Of one row: (C, Y, X) or (C, Z, Y, X)."""
    rows: int
    give: Callable[[slice, Encoded], None]
    """Receives what became of rows."""
    fail: Callable[[EncoderError], None]
    """Receives why rows could not be encoded; told once at most."""


class Batches:
    """Parts go in one after the other; whenever enough rows of one shape are there, they are encoded together.

    What is encoded with what follows from the order of parts alone, never from time: the same run gives the same vectors.
    """

    def __init__(self, encoder: Encoder, side: Side, layers: Sequence[int], most: int) -> None:
        """`most`: rows of a batch. Where the device has no room for so many, half as many are tried, and from then on."""
        self._encode = encoder.encode_volumes if side == "volume" else encoder.encode_slices
        self._name, self._device = encoder.spec.name, encoder.accelerator
        self._layers = tuple(layers)
        self.most = most
        self._waiting: dict[tuple[int, ...], list[tuple[Part, slice]]] = {}

    def add(self, part: Part) -> None:
        """Encode all full batches that there are with these rows."""
        waiting = self._waiting.setdefault(part.shape, [])
        waiting.append((part, slice(0, part.rows)))
        while sum(_count(rows) for _, rows in waiting) >= self.most:
            self._run(self._taken(waiting, self.most))

    def flush(self) -> None:
        """Encode all that waits."""
        for waiting in self._waiting.values():
            while waiting:
                self._run(self._taken(waiting, self.most))
        self._waiting = {}

    def _taken(self, waiting: list[tuple[Part, slice]], most: int) -> list[tuple[Part, slice]]:
        taken: list[tuple[Part, slice]] = []
        while waiting and most:
            part, rows = waiting.pop(0)
            if _count(rows) > most:
                waiting.insert(0, (part, slice(rows.start + most, rows.stop)))
                rows = slice(rows.start, rows.start + most)
            taken.append((part, rows))
            most -= _count(rows)
        return taken

    def _pixels(self, batch: list[tuple[Part, slice]]) -> Any:
        """Windows are applied on the device, which may have no room for that either."""
        try:
            return _joined([part.take(rows) for part, rows in batch])
        except RuntimeError as error:
            if not is_out_of_device_memory(error):
                raise
            raise OutOfDeviceMemoryError(self._name, self._device, sum(_count(rows) for _, rows in batch)) from error

    def _run(self, batch: list[tuple[Part, slice]]) -> None:
        try:
            encoded = self._encode(self._pixels(batch), self._layers)
        except EncoderUnavailableError:
            raise
        except OutOfDeviceMemoryError as error:
            count = sum(_count(rows) for _, rows in batch)
            if count == 1:
                return batch[0][0].fail(error)
            self.most = max(1, count // 2)
            rest = list(batch)
            while rest:
                self._run(self._taken(rest, self.most))
            return None
        except EncoderError as error:
            if len(batch) == 1:
                return batch[0][0].fail(error)
            for one in batch:  # one scan's rows are at fault, and it alone is to pay
                self._run([one])
            return None
        start = 0
        for part, rows in batch:
            part.give(rows, _cut(encoded, slice(start, start + _count(rows))))
            start += _count(rows)
        return None


def _joined(pixels: list[Any]) -> Any:
    if len(pixels) == 1:
        return pixels[0]
    if isinstance(pixels[0], np.ndarray):
        return np.concatenate(pixels)
    import torch

    return torch.cat(pixels)


def _cut(encoded: Encoded, rows: slice) -> Encoded:
    def cut(values: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if values is None else values[rows]

    tokens = None if encoded.tokens is None else {layer: values[rows] for layer, values in encoded.tokens.items()}
    return Encoded(encoded.vector[rows], cut(encoded.depth), cut(encoded.depth_mask), tokens, encoded.grid)


def _count(rows: slice) -> int:
    return rows.stop - rows.start
