"""Banks and an encoder for tests of search: what fits a text is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_files import write_series
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.pipeline import Outputs, embed
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.ingest import ingest

BRAIN = ViewSpec((Window(0, 80),))


class Brightness(Encoder):
    """Vectors (bright, dark): of voxels their mean, of a text whether it says "bright". Each plane is a step along depth."""

    def __init__(self, *sides: Any, gives_depth: bool = True) -> None:
        self.spec = EncoderSpec("brightness", "1", 2, logit_scale=10.0)
        self.view = BRAIN
        self.offers = frozenset(sides or ("volume", "text"))
        self.channels = frozenset({1})
        self.gives_depth = gives_depth

    def _encode(self, side: Any, batch: Any) -> Encoded:
        if side == "text":
            return Encoded(np.array([[1, 0] if "bright" in text else [0, 1] for text in batch], dtype=np.float32))
        depth = _pairs(batch.mean(axis=(1, -2, -1)))
        if side == "slice":
            return Encoded(depth)
        return Encoded(_pairs(batch.mean(axis=(1, 2, 3, 4))), depth=depth, depth_mask=np.ones(depth.shape[:2], bool))


def _pairs(means: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([means, 1 - means], axis=-1)


def bright_bank(bank: Bank, folder: Path, encoder: Encoder, *, depth: bool = True) -> Bank:
    """Three scans of six slices, 5 mm apart from z = 100. Of scan i, slice i is at 80 HU, those below it but for a column, others at 0."""
    for i in range(3):
        voxels = np.full((6, 8, 10), 1024, dtype=np.int16)
        voxels[: i + 1] = 1024 + 80
        voxels[:i, :, 0] = 1024
        voxels[-1, 0, 0] = 1000  # below the window: no two scans of equal content
        write_series(folder / str(i), voxels=voxels, step=5.0, patient_id=f"p{i}", series_uid=f"1.{i}", seed=i)
    ingest(bank, [folder])
    embed(bank, encoder, outputs=Outputs(depth=depth))
    return bank


def catalog(bank: Bank, studies: Sequence[int], slices: int = 4, **columns: Any) -> NDArray[np.int64]:
    """Volumes without files, one for each entry, of the study of that number; gives their ordinals."""
    with bank.commit("catalog") as commit:
        first = commit.reserve(len(studies) * (1 + slices))
        ordinals = first + np.arange(len(studies)) * (1 + slices)
        rows = []
        for i, (study, ordinal) in enumerate(zip(studies, ordinals.tolist(), strict=True)):
            row = {"volume": f"v{i:05d}", "ordinal": ordinal, "slice_ordinal": ordinal + 1, "slices": slices, "series": f"e{i}"}
            row |= {"study": f"s{study}", "patient": f"p{study}", "plane": "axial", "spacing_z_mm": 1.0 + i % 3, "original": True}
            rows.append(row | columns)
        commit.append("volumes", rows)
        heights = (
            {"volume": row["volume"], "index": k, "ordinal": row["ordinal"] + 1 + k, "z_mm": 10.0 * k}
            for row in rows
            for k in range(slices)
        )
        commit.append("slices", heights)
    bank.refresh()
    return ordinals


def f32(values: Any) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


class Fixed(Encoder):
    """Any text is one given vector."""

    def __init__(self, vector: NDArray[np.float32], **spec: Any) -> None:
        self.spec = EncoderSpec("fixed", "1", len(vector), **spec)
        self.view = BRAIN
        self.offers = frozenset({"text"})
        self.channels = frozenset[int]()
        self._vector = vector

    def _encode(self, side: Any, batch: Any) -> Encoded:
        return Encoded(np.repeat(self._vector[None], len(batch), axis=0))


def put(bank: Bank, encoder: Encoder, kind: Any, vectors: Any, items: NDArray[np.int64], view: ViewSpec = BRAIN) -> None:
    """Vectors into a feature set."""
    with bank.commit("features") as commit:
        commit.append_features(FeatureKey(kind, encoder.spec, view), vectors, items)
    bank.refresh()


def reports(bank: Bank, said: Sequence[tuple[int, str]], section: str = "findings") -> NDArray[np.int64]:
    """Sections of reports, one for each entry, of the study of that number; gives their ordinals."""
    with bank.commit("reports") as commit:
        first = commit.reserve(len(said))
        rows = []
        for i, (study, text) in enumerate(said):
            row = {"snippet": f"t{first + i:03d}", "ordinal": first + i, "study": f"s{study}", "patient": f"p{study}", "section": section}
            rows.append(row | {"position": i, "text": text})
        commit.append("snippets", rows)
    bank.refresh()
    return first + np.arange(len(said))
