"""The CUDA paths against the CPU. They run where there is a card, and say so where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.gridded import gridded, source_planes
from scanbank.embed.pipeline import Outputs, embed
from scanbank.store import Bank, ViewSpec
from scanbank.store.ingest import ingest
from scanbank.store.readers import load_volume

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
URIS = ("timm:vit_base_patch16_224+random0", "open_clip:ViT-B-32+random0", "tiny", "timm:resnet18+random0")


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    for i in range(4):
        write_series(tmp_path / "scans" / str(i), n=20 + i, shape=(96, 80), patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    return bank


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize(("suffix", "tolerance"), [("", 1e-4), ("+bf16", 1e-2)])
def test_vectors_are_those_of_the_cpu(scans: Bank, uri: str, suffix: str, tolerance: float) -> None:
    on_cpu, on_card = open_encoder(uri, device="cpu"), open_encoder(f"{uri}{suffix}", device="cuda")
    (first, *_), (second, *_) = embed(scans, on_cpu).sets, embed(scans, on_card, batch=7).sets
    if not suffix:  # the same key: what the CPU made is not made again
        assert first == second
        return
    expected, found = scans.features(first), scans.features(second)
    scale = np.abs(expected.vectors()).max()
    np.testing.assert_allclose(found.of(expected.items()), expected.vectors(), atol=tolerance * max(1.0, float(scale)))


@pytest.mark.parametrize("uri", URIS)
def test_float32_on_the_card_is_float32(uri: str) -> None:
    on_cpu, on_card = (open_encoder(uri, device=device) for device in ("cpu", "cuda"))
    side = "volume" if "volume" in on_cpu.offers else "slice"
    shape = (2, 1, *on_cpu.view.shape) if on_cpu.view.shape else (5, 3, *(on_cpu.view.size or (64, 64)))
    given = np.random.default_rng(0).random(shape, np.float32)
    one, other = (getattr(encoder, f"encode_{side}s")(given).vector for encoder in (on_cpu, on_card))
    np.testing.assert_allclose(other, one, atol=1e-4 * max(1.0, float(np.abs(one).max())))


@pytest.mark.parametrize(
    "geometry", [ViewSpec(), ViewSpec(size=(64, 64)), ViewSpec(size=(64, 64), interpolation="cubic"), ViewSpec(spacing_mm=(2.0, 1.0, 1.0))]
)
def test_views_on_the_card_are_those_of_the_cpu(scans: Bank, geometry: ViewSpec) -> None:
    located = scans.local_map.locate(scans.sql("SELECT volume FROM volumes").column(0)[0].as_py())
    assert located is not None
    volume = load_volume(located)
    here, there = gridded(volume, geometry), gridded(volume, geometry, "cuda")
    np.testing.assert_allclose(there.values.cpu().numpy(), here.values, atol=1e-1)
    if geometry.spacing_mm is None:
        some = np.array([3, 1])
        np.testing.assert_allclose(
            source_planes(volume, geometry, some, "cuda").cpu().numpy(), source_planes(volume, geometry, some), atol=1e-1
        )


def test_a_batch_without_room_is_halved(scans: Bank) -> None:
    encoder = open_encoder("timm:vit_base_patch16_224+random0", device="cuda")
    room, _ = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 0.06 * 80e9 / room))
    try:
        report = embed(scans, encoder, [replace(encoder.view, size=(224, 224))], outputs=Outputs(), batch=4096)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert report.failed == 0
    assert report.volumes == 4
