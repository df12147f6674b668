"""Feature sets as SQL views: one row for each vector, beside the item it is of, so that `array_cosine_similarity` works.

A view is named as its set, in double quotes: `SELECT * FROM "tiny@1/lung/volume"`. Chunks are read when a query scans the view.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from .features import FeatureSet, distinct_names

_STREAM = "vectors_{}"
_CHUNKS = 4
"""That are read together, side by side."""
_OF_KIND = {
    "volume": "SELECT o.volume AS item, v.vector FROM {stream} v JOIN volumes o USING (ordinal)",
    "slice": "SELECT o.slice AS item, o.volume, o.index, o.z_mm, v.vector FROM {stream} v JOIN slices o USING (ordinal)",
    "depth": "SELECT o.volume AS item, v.step, v.z_mm, v.vector FROM {stream} v JOIN volumes o USING (ordinal)",
    "text": "SELECT o.snippet AS item, o.study, o.section, o.part, o.text, v.vector FROM {stream} v JOIN snippets o USING (ordinal)",
    "prompt": "SELECT o.prompt AS item, o.finding, o.polarity, o.text, v.vector FROM {stream} v JOIN prompts o USING (ordinal)",
}


class VectorStream:
    """The rows of a feature set for DuckDB, which scans it through Arrow's C interface, as often as it likes."""

    def __init__(self, features: FeatureSet) -> None:
        self._features = features
        self._depth = features.key.kind == "depth"
        place = [pa.field("step", pa.int64()), pa.field("z_mm", pa.float32())] if self._depth else []
        self.schema = pa.schema(
            [pa.field("ordinal", pa.int64()), *place, pa.field("vector", pa.list_(pa.float32(), features.key.encoder.dim))]
        )

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return pa.RecordBatchReader.from_batches(self.schema, self._batches()).__arrow_c_stream__()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        items = self._features.items()
        z_mm, mask = (self._features.z_mm(), self._features.mask()) if self._depth else (None, None)
        rows = _CHUNKS * self._features.chunk_rows
        for start in range(0, len(items), rows):
            vectors = self._features.vectors(start, start + rows).astype(np.float32, copy=False)
            chosen = items[start : start + rows]
            place: list[pa.Array] = []
            if z_mm is not None and mask is not None:
                row, step = np.nonzero(mask[start : start + rows])
                chosen, vectors = chosen[row], vectors[row, step]
                # NaN is for arrays: SQL has NULL for what is unknown
                place = [pa.array(step.astype(np.int64)), pa.array(z_mm[start : start + rows][row, step], from_pandas=True)]
            flat = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors).ravel()), vectors.shape[1])
            yield pa.record_batch([pa.array(chosen), *place, flat], schema=self.schema)


def vector_views(sets: list[FeatureSet]) -> Iterator[tuple[str, VectorStream, str, str]]:
    """For each set: the name of its stream, the stream, the name of its view, what the view selects. No array is opened for it."""
    names = distinct_names(sets)
    for one in sets:
        if one.key.kind in _OF_KIND:
            stream = _STREAM.format(one.digest)
            yield stream, VectorStream(one), names[one.digest], _OF_KIND[one.key.kind].format(stream=f'"{stream}"')
