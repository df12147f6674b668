"""What `tiny` is trained on: phantoms through the same scanner and view as any scan, with what their reports say. Cached on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.embed.encoders.tiny_models import VIEW
from scanbank.embed.views import volume_voxels
from scanbank.eval.phantoms.cases import cases_of
from scanbank.eval.phantoms.cohort import Cohort, cohort_named, sample_patient
from scanbank.eval.phantoms.masks import masks_of
from scanbank.eval.phantoms.model import Report
from scanbank.eval.phantoms.volume import volume_of

from .cells import finding_cells

HU_PER_UNIT = 1000
"""The view's window is -1000..1000 HU onto -1..1: cached voxels are HU."""


@dataclass(frozen=True)
class Said:
    """A statement of a report, as training needs it."""

    text: str
    finding: str
    status: str
    side: str
    z_mm: float | None
    """Depth that the text refers to by number."""


@dataclass(frozen=True)
class Sample:
    """One series."""

    patient: str
    study: str
    source: str
    primary: bool
    """The study's first series."""
    report: str
    said: tuple[Said, ...]
    labels: dict[str, int]
    file: str
    row: int
    z_mm: tuple[float, ...]
    """Of the view's planes; NaN in padding."""

    def cells(self, folder: Path) -> NDArray[np.uint16]:
        """Where the scan shows each finding (Z', Y', X'), from the cache: see `cells.finding_cells`."""
        return np.load(folder / _cells_file(self.file), mmap_mode="r")[self.row]

    def voxels(self, folder: Path) -> NDArray[np.int16]:
        """HU (Z, Y, X) in the view, from the cache."""
        return np.load(folder / self.file, mmap_mode="r")[self.row]


def samples(
    folder: Path, cohort: str, seed: int, patients: int, sources: str, workers: int, tell: Callable[[int, int], None]
) -> list[Sample]:
    """The series of the first `patients` patients, rendered where the cache lacks them.

    Studies come from `sources` alone (names, such as `ABC`); `tell` is called with (done, all).
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(1, patients + 1)
    lacking = [n for n in numbers if not _card(folder, n).is_file()]
    make = partial(_make, folder, cohort, seed, sources)
    for done, _ in enumerate(_each(make, lacking, workers), patients - len(lacking) + 1):
        tell(done, patients)
    found: list[Sample] = []
    for number in numbers:
        for row in json.loads(_card(folder, number).read_text()):
            said = tuple(Said(**one) for one in row.pop("said"))
            found.append(Sample(said=said, z_mm=tuple(float("nan") if z is None else z for z in row.pop("z_mm")), **row))
    return found


def _each(make: Callable[[int], None], numbers: Sequence[int], workers: int) -> Iterator[None]:
    if workers <= 1:
        yield from map(make, numbers)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make, numbers)


def _card(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.json"


def _make(folder: Path, cohort_name: str, seed: int, sources: str, number: int) -> None:
    cohort = cohort_named(cohort_name)
    allowed = [source for source in cohort.sources if source.name in sources]
    patient = sample_patient(cohort, seed, number)
    names = finding_names(cohort)
    volumes: list[NDArray[np.int16]] = []
    cells: list[NDArray[np.uint16]] = []
    rows: list[dict[str, Any]] = []
    file = f"{number:05d}.npy"
    for case in cases_of(cohort, patient, lambda rng: allowed[int(rng.integers(len(allowed)))]):
        for one in case.series:
            volume = volume_of(one)
            voxels, z_mm = volume_voxels(volume, VIEW, (-1.0, 1.0))
            cells.append(finding_cells(masks_of(case.study, one), names, one, volume, VIEW))
            rows.append(
                {
                    "patient": patient.id,
                    "study": case.study.uid,
                    "source": case.study.source.name,
                    "primary": one is case.series[0],
                    "report": case.report.text,
                    "said": [vars(said) for said in _said(case.report)],
                    "labels": cohort.labels(case.study),
                    "file": file,
                    "row": len(volumes),
                    "z_mm": [None if np.isnan(z) else round(float(z), 2) for z in z_mm],
                }
            )
            volumes.append(np.rint(voxels[0] * HU_PER_UNIT).astype(np.int16))
    _write(folder / file, np.stack(volumes))
    _write(folder / _cells_file(file), np.stack(cells))
    _card(folder, number).write_text(json.dumps(rows))


def _cells_file(file: str) -> str:
    return file.replace(".npy", ".cells.npy")


def _write(path: Path, values: NDArray[Any]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(aside, values)
    aside.rename(path)


def _said(report: Report) -> list[Said]:
    return [Said(s.text, s.finding, s.status, s.side, s.pointer.z_mm if s.pointer else None) for s in report.statements]


def mean_depths(z_mm: Sequence[float], steps: int) -> NDArray[np.float32]:
    """(steps,) middles of the planes that each depth was made of; NaN in padding."""
    planes = np.asarray(z_mm, np.float32)
    return planes[: len(planes) // steps * steps].reshape(steps, -1).mean(1)


def finding_names(cohort: Cohort) -> tuple[str, ...]:
    return tuple(spec.name for spec in cohort.findings)
