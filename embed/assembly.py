"""The vectors of one scan as they come back from batches, put together into rows of feature sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import EncoderError, ScanbankError
from ..store.feature_rows import FeatureRows
from ..store.scan import Volume
from ..store.specs import FeatureKey, ViewSpec
from .batches import Part
from .decoding import Prepared
from .depths import depth_rows
from .encoder import Encoded
from .plan import Work
from .windowing import apply_windows, value_windows


@final
@dataclass
class ScanResult:
    """One scan on its way: what its feature sets get, or why they get nothing."""

    work: Work
    volume: Volume
    wanted: dict[FeatureKey, NDArray[np.int64]]
    """For each set, which of the rows that the scan has in it are lacking."""
    vectors: dict[FeatureKey, FeatureRows] = field(default_factory=dict[FeatureKey, FeatureRows])
    """All rows of the scan in a set."""
    errors: dict[FeatureKey, ScanbankError] = field(default_factory=dict[FeatureKey, ScanbankError])
    copied: set[FeatureKey] = field(default_factory=set[FeatureKey])
    follows: dict[FeatureKey, ScanResult] = field(default_factory=dict[FeatureKey, "ScanResult"])
    """Sets in which an earlier scan of equal content, still on its way, will have the vectors, and that scan."""
    bytes: int = 0
    """Held until it is done."""

    @property
    def done(self) -> bool:
        return all(key in self.vectors or key in self.errors or key in self.follows for key in self.wanted)


def plane_part(result: ScanResult, keys: Sequence[FeatureKey], prepared: Prepared, input_range: tuple[float, float]) -> Part:
    """The planes of a scan under one view, for an encoder of slices: kinds `slice` and `tokens`, or `depth` of resampled planes."""
    rows, view = len(prepared.values), keys[0].view
    parts: dict[str, NDArray[np.float32]] = {}
    left, grids = [rows], dict[str, tuple[int, ...]]()

    def give(part: slice, encoded: Encoded) -> None:
        found = {"": encoded.vector} | {layer_name(layer): values for layer, values in (encoded.tokens or {}).items()}
        for name, values in found.items():
            if name not in parts:
                parts[name] = np.empty((rows, *values.shape[1:]), np.float32)
                result.bytes += parts[name].nbytes
            parts[name][part] = values
            if name and encoded.grid is not None:
                grids[name] = encoded.grid
        left[0] -= part.stop - part.start
        if left[0]:
            return
        for key in keys:
            if key.kind == "depth":
                z_mm, mask = prepared.z_mm.astype(np.float32)[None], np.ones((1, rows), bool)
                result.vectors[key] = FeatureRows(parts[""][None], z_mm, mask)
            else:
                result.vectors[key] = FeatureRows(parts[key.layer], grid=grids.get(key.layer))

    return _part(result, keys, _windowed(prepared, view, result.volume, input_range, planes=True), rows, give)


def volume_part(result: ScanResult, keys: Sequence[FeatureKey], prepared: Prepared, input_range: tuple[float, float]) -> Part:
    """A whole scan under one view, for an encoder of volumes: kinds `volume`, `depth` and `tokens`."""

    def give(part: slice, encoded: Encoded) -> None:
        del part
        for key in keys:
            try:
                result.vectors[key] = _volume_rows(key, encoded, prepared)
                result.bytes += result.vectors[key].nbytes
            except EncoderError as error:
                result.errors[key] = error

    return _part(result, keys, _windowed(prepared, keys[0].view, result.volume, input_range, planes=False), 1, give)


def layer_name(layer: int) -> str:
    """What the tokens of a block are called in the name of a feature set."""
    return f"block{layer}"


def _volume_rows(key: FeatureKey, encoded: Encoded, prepared: Prepared) -> FeatureRows:
    if key.kind == "depth":
        return depth_rows(encoded, prepared.z_mm)
    if key.kind == "tokens":
        tokens = {layer_name(layer): values for layer, values in (encoded.tokens or {}).items()}
        return FeatureRows(tokens[key.layer], grid=encoded.grid)
    return FeatureRows(encoded.vector)


def _part(result: ScanResult, keys: Sequence[FeatureKey], pixels: _Pixels, rows: int, give: Any) -> Part:
    def fail(error: EncoderError) -> None:
        result.errors.update(dict.fromkeys(keys, error))

    return Part(pixels.take, pixels.shape, rows, give, fail)


@final
@dataclass(frozen=True)
class _Pixels:
    take: Any
    shape: tuple[int, ...]


def _windowed(prepared: Prepared, view: ViewSpec, volume: Volume, input_range: tuple[float, float], *, planes: bool) -> _Pixels:
    windows = value_windows(view, volume)
    shape = tuple(prepared.values.shape)

    def rows_of(part: slice) -> Any:
        return apply_windows(prepared.values[part], windows, input_range)

    def whole(part: slice) -> Any:
        del part
        pixels = apply_windows(prepared.values, windows, input_range)
        if isinstance(pixels, np.ndarray):
            return np.ascontiguousarray(pixels.transpose(1, 0, 2, 3))[None]
        return pixels.transpose(0, 1).contiguous()[None]

    if planes:
        return _Pixels(rows_of, (len(windows), *shape[1:]))
    return _Pixels(whole, (len(windows), *shape))
