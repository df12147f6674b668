"""The embedding path beside what bounds it: the encoder's own rate, the cores' rate of decoding, and the loop that people write."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pydicom
from pydicom.uid import JPEG2000Lossless

from scanbank.embed import open_encoder
from scanbank.embed.decode_pool import DecodePool
from scanbank.embed.decoding import Decoded, Request, decode_for
from scanbank.embed.encoder import Encoder
from scanbank.embed.pipeline import embed
from scanbank.embed.plan import Work
from scanbank.embed.run import BATCH
from scanbank.embed.views import slice_pixels
from scanbank.store import Bank, ViewSpec
from scanbank.store.ingest import ingest
from scanbank.store.scan import Volume
from scanbank.store.windows import parse_window

from .bench_figures import PEAK, Figure, Sizes, rate, rounds, timed
from .bench_input import Series

_LIGHT = ("tiny", "intensity")


def embed_(folder: Path, sizes: Sizes) -> list[Figure]:
    """All figures of the embedding path."""
    return [figure for name, part in PARTS.items() for figure in part(folder / name, sizes)]


def light(folder: Path, sizes: Sizes) -> list[Figure]:
    """Light encoders on uncompressed and on compressed scans."""
    return _light(folder / "plain", sizes, compressed=False) + _light(folder / "jpeg2000", sizes, compressed=True)


def efficiency(folder: Path, sizes: Sizes) -> list[Figure]:
    """DICOM on disk to committed vectors, against the forward passes alone of the same encoder at the same batch."""
    scans, slices = sizes.vit_scans
    bank = ingested(folder, Series(slices, 512, sizes.seed), scans)
    encoder, batch = open_encoder(sizes.vit), BATCH["slice"]
    indices = np.arange(batch) % slices
    pixels = slice_pixels(one_volume(bank), encoder.view, encoder.spec.input_range, indices)
    count = scans * slices

    def forward() -> float:
        return timed(lambda: [encoder.encode_slices(pixels[: min(batch, count - at)]) for at in range(0, count, batch)])

    found = rounds({"ours": lambda: embedded(bank, encoder), "forward": forward}, sizes.slow_repeats)
    what = f"embed of {scans} scans of {slices} x 512 x 512, {sizes.vit}, batch {batch}"
    return [rate(what, count, "slices/s", found["ours"], found["forward"], "forward passes alone", 0.9)]


def _light(folder: Path, sizes: Sizes, *, compressed: bool) -> list[Figure]:
    """Encoders that take less than decoding does, against both cores decoding and doing nothing else."""
    scans, slices = sizes.light_scans
    if compressed:
        scans = max(2, scans // 3)  # each takes twenty times as long to decode
    series = Series(slices, 512, sizes.seed)
    bank = ingested(folder, series, scans, compressed=compressed)
    works = _works(bank)

    def decoded() -> float:
        pool = DecodePool(lambda work, run: decode_for(bank, work, run=run), 2, isolated=lambda _: compressed)
        return timed(lambda: [_require(found) for _, found in pool.decoded(works)])

    jobs: dict[str, Callable[[], float]] = {"decode": decoded}
    for name in _LIGHT:
        encoder = open_encoder(name)
        jobs[name] = lambda encoder=encoder: embedded(bank, encoder)
    found = rounds(jobs, sizes.slow_repeats)
    form = "JPEG 2000" if compressed else "uncompressed"
    return [
        rate(f"embed of {scans} scans of {slices} x 512 x 512, {form}, {name}", scans, "scans/s", found[name], found["decode"],
             "two workers that decode only", 0.9 if compressed else None)
        for name in _LIGHT
    ]  # fmt: skip


def windows(folder: Path, sizes: Sizes) -> list[Figure]:
    """Decode and resample under three windows, against one."""
    bank = ingested(folder, Series(sizes.decode_slices, 512, sizes.seed), 1)
    (work,) = _works(bank)
    figures: list[Figure] = []
    for base, name in ((open_encoder("tiny").view, "tiny's view"), (ViewSpec(size=(224, 224)), "slices of 224 x 224")):
        views = [base.geometry, *(_windowed(base, window) for window in ("brain", "lung", "bone"))]

        def made(chosen: list[ViewSpec]) -> float:
            requests = tuple(dict.fromkeys(Request(view.geometry, planes=not view.shape) for view in chosen))

            def job() -> None:
                decoded = decode_for(bank, work, requests=requests, keep_voxels=False)
                for view in chosen:
                    _applied(decoded, view)

            return timed(job)

        found = rounds({"one": lambda v=views: made(v[1:2]), "three": lambda v=views: made(v[1:])}, sizes.repeats)
        ratios = [three / one for three, one in zip(found["three"], found["one"], strict=True)]
        ratio = median(ratios)
        what = f"decode and resample of {sizes.decode_slices} x 512 x 512 under three windows, {name}"
        figures.append(
            Figure(what, 1e3 * median(found["three"]), "ms", 1e3 * median(found["one"]), "one window", ratio, min(ratios), max(ratios),
                   "ratio <= 1.15", ratio <= 1.15)
        )  # fmt: skip
    return figures


def loop(folder: Path, sizes: Sizes) -> list[Figure]:
    """What people write: pydicom, MONAI's transforms, the encoder, one scan after the other."""
    scans, slices = sizes.loop_scans
    bank = ingested(folder, Series(slices, 512, sizes.seed), scans)
    encoder = open_encoder("tiny")
    folders = sorted((folder / "input").iterdir())
    jobs = {"ours": lambda: embedded(bank, encoder), "loop": lambda: timed(lambda: _plain_loop(folders, encoder))}
    found = rounds(jobs, sizes.slow_repeats)
    what = f"embed of {scans} scans of {slices} x 512 x 512 with tiny"
    return [rate(what, scans, "scans/s", found["ours"], found["loop"], "loop of pydicom, MONAI and tiny", 3.0)]


def memory(folder: Path, sizes: Sizes) -> list[Figure]:
    """Peak resident memory of a whole command with few and with many scans of one size."""
    few, many = sizes.embed_scans
    figures: list[Figure] = []
    Series(24, 256, sizes.seed).write(folder / "input", many)
    roots = sorted((folder / "input").iterdir())
    banks = {count: Bank.create(folder / f"bank{count}") for count in (few, many)}
    for count, bank in banks.items():
        ingest(bank, roots[:count])
    for name in sizes.memory_encoders:
        peaks: list[float] = []
        for count in (few, many):
            command = [sys.executable, "-c", PEAK, "embed", str(banks[count].path), "--encoder", name, "--size", "64x64", "--json"]
            command = [part for part in command if name not in _LIGHT or part not in ("--size", "64x64")]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks.append(int(told.stderr.split()[-1]) * 1024 / 1e6)
        ratio = peaks[1] / peaks[0]
        what = f"peak memory, embed of {many} scans of 24 x 256 x 256, {name}"
        figures.append(Figure(what, peaks[1], "MB", peaks[0], f"{few} scans", ratio, wanted="ratio <= 1.1", met=ratio <= 1.1))
    return figures


def _plain_loop(folders: list[Path], encoder: Encoder) -> list[np.ndarray]:
    import torch
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.compose import Compose
    from monai.transforms.croppad.array import ResizeWithPadOrCrop
    from monai.transforms.intensity.array import ScaleIntensityRange
    from monai.transforms.spatial.array import Orientation, Spacing

    view, (window,) = encoder.view, encoder.view.windows
    assert view.spacing_mm is not None
    assert view.shape is not None
    transforms = Compose(
        [
            Orientation("LPS", labels=None),
            Spacing(view.spacing_mm[::-1], mode="bilinear"),
            ScaleIntensityRange(window.lo, window.hi, -1, 1, clip=True),
            ResizeWithPadOrCrop(view.shape[::-1], constant_values=-1),
        ]
    )
    found: list[np.ndarray] = []
    for folder in folders:
        files = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda data: float(data.ImagePositionPatient[2]))
        planes = [data.pixel_array.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept) for data in files]
        first, step = files[0], float(files[1].ImagePositionPatient[2]) - float(files[0].ImagePositionPatient[2])
        row, column = map(float, first.PixelSpacing)
        affine = torch.diag(torch.tensor([-column, -row, step, 1.0], dtype=torch.float64))  # NIfTI's frame, as MONAI's readers give
        volume = MetaTensor(torch.from_numpy(np.stack(planes).transpose(2, 1, 0).copy())[None], affine=affine)
        voxels = np.asarray(transforms(volume))[0].transpose(2, 1, 0)
        found.append(encoder.encode_volumes(np.ascontiguousarray(voxels[None, None], np.float32)).vector)
    return found


def embedded(bank: Bank, encoder: Encoder, *, workers: int = 2, batch: int | None = None) -> float:
    """Seconds from files to committed vectors, into a copy of the bank without any."""
    copy = Path(f"{bank.path}-copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bank.path, copy)
    opened = Bank.open(copy)
    report = []
    taken = timed(lambda: report.append(embed(opened, encoder, workers=workers, batch=batch)))
    if report[0].failed or not report[0].volumes:
        raise RuntimeError(f"{report[0]}: there is no speed to be told")
    shutil.rmtree(copy)
    return taken


def _applied(decoded: Decoded, view: ViewSpec) -> None:
    from scanbank.embed.windowing import apply_windows, value_windows

    request = Request(view.geometry, planes=not view.shape)
    found = decoded.prepared[request]
    if isinstance(found, Exception):
        raise found
    apply_windows(found.values, value_windows(view, decoded.volume), (-1, 1))


def _windowed(view: ViewSpec, window: str) -> ViewSpec:
    return view.with_windows((parse_window(window),))


def ingested(folder: Path, series: Series, scans: int, *, compressed: bool = False) -> Bank:
    """A bank of synthetic scans."""
    paths = series.write(folder / "input", scans)
    for path in paths if compressed else ():
        data = pydicom.dcmread(path)
        data.compress(JPEG2000Lossless, generate_instance_uid=False)
        data.save_as(path)
    bank = Bank.create(folder / "bank")
    ingest(bank, [folder / "input"])
    bank.refresh()
    return bank


def _works(bank: Bank) -> list[Work]:
    return [Work(**row) for row in bank.sql("SELECT volume, ordinal, slices, slice_ordinal FROM volumes ORDER BY ordinal").to_pylist()]


def one_volume(bank: Bank) -> Volume:
    """The first scan of a bank, decoded."""
    return decode_for(bank, _works(bank)[0]).volume


def _require(found: object) -> None:
    if not isinstance(found, Decoded):
        raise RuntimeError(f"{found}: there is no speed to be told")


PARTS: dict[str, Callable[[Path, Sizes], list[Figure]]] = {
    "embed-vit": efficiency,
    "embed-light": light,
    "embed-windows": windows,
    "embed-loop": loop,
    "embed-memory": memory,
}
"""Each may be run alone."""
