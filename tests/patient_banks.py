"""A bank of patients with everything that is kept of one, and a search through every byte of a bank."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.pipeline import embed
from scanbank.embed.texts import embed_texts
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.search import search
from scanbank.eval.sweep import sweep
from scanbank.eval.zeroshot import zeroshot
from scanbank.store import Bank, EncoderSpec, ViewSpec, Window
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.ingest import ingest

PATIENTS = 16
FORGOTTEN, TWIN = 5, 6
"""p5 is to be forgotten; the last scan of p6 has the same voxels as one of p5."""
_ZSTD = b"\x28\xb5\x2f\xfd"


class Scatter(Encoder):
    """A vector of its own for whatever it is given, along depth too; no two are alike, and none compresses."""

    def __init__(self) -> None:
        self.spec = EncoderSpec("scatter", "1", 200, precision="float16")
        self.view = ViewSpec((Window(-1000, 3000),))
        self.offers = frozenset({"volume", "text"})
        self.channels = frozenset({1})
        self.gives_depth = True

    def _encode(self, side: Any, batch: Any) -> Encoded:
        if side == "text":
            return Encoded(self._vectors(text.encode() for text in batch))
        planes = [self._vectors(plane.tobytes() for plane in scan[0]) for scan in batch]
        return Encoded(self._vectors(scan.tobytes() for scan in batch), np.stack(planes), np.ones((len(batch), batch.shape[2]), bool))

    def _vectors(self, things: Iterable[bytes]) -> NDArray[np.float32]:
        seeds = [np.frombuffer(thing + bytes(-len(thing) % 4), np.uint32) for thing in things]
        return np.stack([np.random.default_rng(seed).normal(size=self.spec.dim) for seed in seeds]).astype(np.float32)


def patients_bank(folder: Path) -> Bank:
    """16 patients, p5 with two studies of which one scan changed since, one file that cannot be read, labels at all levels, a report for
    each, three kinds of vectors and those of slices, a sweep, a zero-shot run, an index; tags `clean` (before p5) and `held` (with)."""
    bank = Bank.create(folder / "bank", key_file=folder / "key")
    with bank.commit("far") as commit:
        commit.reserve(0x1234567890AB)  # ordinals that are no part of another number by chance
    scans = folder / "scans"
    rng = np.random.default_rng(0)
    twin = rng.integers(0, 3000, (4, 8, 10)).astype(np.int16)
    for i in range(PATIENTS):
        _write(scans / f"p{i}" / "a", i, "a", rng.integers(0, 3000, (4, 8, 10)).astype(np.int16))
        if i == FORGOTTEN - 1:
            ingest(bank, [scans])
            bank.tag("clean")
    _write(scans / f"p{FORGOTTEN}" / "b", FORGOTTEN, "b", twin)
    _write(scans / f"p{TWIN}" / "b", TWIN, "b", twin)
    (scans / f"p{FORGOTTEN}" / "a" / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"nonsense")
    (scans / f"p{FORGOTTEN}" / "a" / "bad.nii").write_bytes(b"nonsense")
    ingest(bank, [scans])
    annotated(bank, folder)
    for _ in range(2):
        embed(bank, Scatter(), accept_changed=True)
        # the second time, as other voxels: the vectors of the first stay under ordinals that no scan has any more
        _write(scans / f"p{FORGOTTEN}" / "a", FORGOTTEN, "a", rng.integers(0, 3000, (4, 8, 10)).astype(np.int16))
    embed(bank, Scatter(), accept_changed=True)
    embed(bank, open_encoder("intensity"))
    embed_texts(bank, Scatter())
    sweep(bank, "bleed", ["knn"], [1, 2, None], repeats=2, allow_leak=True)  # two patients share a scan
    encoders = {"scatter": Scatter()}
    zeroshot(bank, "bleed", opened_by=encoders.__getitem__, everyone=True, choice=FeatureChoice(("scatter/-1000..3000/volume",)))
    found(bank)
    bank.tag("held")
    return bank


def annotated(bank: Bank, folder: Path) -> None:
    """Labels of patients, studies, series and slices, a split, and reports; p5's report is corrected, so that there are two."""
    lines = [f"p{i},{i % 2}" for i in range(PATIENTS)]
    _table(bank, folder / "patients.csv", ["patient_id,bleed", *lines])
    _table(bank, folder / "studies.csv", ["study_uid,mass", *(f"1.{i}.1,1" for i in range(PATIENTS))])
    _table(bank, folder / "series.csv", ["series_uid,edema", *(f"1.{i}.1.1,0" for i in range(PATIENTS))])
    slices = [f"{folder}/scans/p{i}/a/slice002.dcm,1" for i in range(PATIENTS)]
    _table(bank, folder / "slices.csv", ["path,fracture", *slices])
    for word in ("first", "second"):
        words = [word if i == FORGOTTEN else "plain" for i in range(PATIENTS)]
        said = "There is a {0} quux{1} in the left lobe (series 1 image 2). Not in the {0} right quux{1}."
        reports = [f"1.{i}.1,{said.format(one, i)}" for i, one in enumerate(words)]
        _table(bank, folder / "reports.csv", ["study_uid,report", *reports], reports=True)


def _table(bank: Bank, path: Path, lines: list[str], *, reports: bool = False) -> None:
    path.write_text("\n".join(lines) + "\n")
    table = read_table(path, TableOptions(), want="reports" if reports else "labels")
    assert not annotate(bank, path, table, AnnotateOptions(keep_text=True)).unmatched


def _write(folder: Path, patient: int, name: str, voxels: NDArray[np.int16]) -> None:
    study = "1" if name == "a" else "2"
    uid, accession = f"1.{patient}.{study}", f"A{patient}{name}"
    names = {"patient_id": f"p{patient}", "study_uid": uid, "series_uid": f"{uid}.1"}
    write_series(folder, voxels=voxels, seed=patient, AccessionNumber=accession, **cast("Any", names))


def found(bank: Bank) -> list[tuple[int, float]]:
    """Scans by their nearness to a text, all of them."""
    bank.refresh()
    hits = search(bank, Scatter(), bank.features("scatter/-1000..3000/volume"), "a query", k=100).hits
    return [(hit.ordinal, hit.score) for hit in hits if hit.ordinal is not None]


def vectors_of(bank: Bank, ordinals: NDArray[np.int64], *, others: bool = False) -> dict[tuple[str, int], bytes]:
    """(set, ordinal) to the bytes of a vector, of kind depth of all its steps."""
    held: dict[tuple[str, int], bytes] = {}
    for one in bank.feature_sets:
        for item, vector in zip(one.items().tolist(), one.vectors(), strict=True):
            if (item in set(ordinals.tolist())) != others:
                held[one.name, item] = vector.tobytes()
    return held


def searched(folder: Path, needles: dict[str, bytes]) -> dict[str, list[str]]:
    """Which needles are where in a folder, also in what is compressed: the pages of Parquet and the frames of Icechunk."""
    hits: dict[str, list[str]] = {}
    pattern = re.compile(b"|".join(re.escape(needle) for needle in set(needles.values())))
    names: dict[bytes, str] = {needle: name for name, needle in needles.items()}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for data in _opened(path):
            for hit in set(pattern.findall(data)):
                hits.setdefault(names[hit], []).append(str(path.relative_to(folder)))
    return hits


def _opened(path: Path) -> list[bytes]:
    data = path.read_bytes()
    opened = [str(path).encode(), data]
    if path.suffix == ".parquet":
        sink = pa.BufferOutputStream()
        table = pq.read_table(path)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        opened.append(sink.getvalue().to_pybytes())
    start = data.find(_ZSTD)
    if path.suffix != ".parquet" and 0 <= start < 200:
        opened.append(pa.CompressedInputStream(pa.BufferReader(data[start:]), "zstd").read())
    return opened
