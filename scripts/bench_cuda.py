"""The embedding path on a CUDA device: beside the model's forward passes alone, and those beside the card's rate of matrix products."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from scanbank.store.errors import EncoderError

from .bench_embed import embedded, ingested, one_volume
from .bench_figures import Figure, Sizes, rate, rounds, timed
from .bench_input import Series

_MATRIX = 8192


def cuda(folder: Path, sizes: Sizes) -> list[Figure]:
    """ViT-L/14 in bf16 on uncompressed DICOM.

    Raises:
        EncoderError: there is no CUDA device.
    """
    import torch

    from scanbank.embed import open_encoder
    from scanbank.embed.views import slice_pixels

    if not torch.cuda.is_available():
        raise EncoderError(f"benchmark 'cuda' needs a CUDA device; torch {torch.__version__} sees none")
    scans, slices = sizes.cuda_scans
    bank = ingested(folder, Series(slices, 512, sizes.seed), scans)
    encoder = open_encoder("open_clip:ViT-L-14+random0+bf16", device="cuda")
    count, batch = scans * slices, sizes.cuda_batch
    pixels = slice_pixels(one_volume(bank), encoder.view, encoder.spec.input_range, np.arange(batch) % slices)
    on_card = torch.from_numpy(pixels).cuda()

    def forward() -> float:
        return timed(lambda: [encoder.encode_slices(on_card[: min(batch, count - at)]) for at in range(0, count, batch)])

    found = rounds(
        {"ours": lambda: embedded(bank, encoder, workers=sizes.cuda_workers, batch=batch), "forward": forward}, sizes.slow_repeats
    )
    card = torch.cuda.get_device_name()
    what = f"embed of {scans} scans of {slices} x 512 x 512, ViT-L/14 bf16, batch {batch}, {card}"
    reached, possible = count * _forward_flops(encoder.size or (224, 224)) / min(found["forward"]), _matrix_flops()
    share = reached / possible
    return [
        rate(what, count, "slices/s", found["ours"], found["forward"], "forward passes alone", 0.9),
        Figure(f"ViT-L/14 bf16 forward passes, {card}", reached / 1e12, "TFLOP/s", possible / 1e12, f"bf16 product, {_MATRIX} square",
               share, wanted="ratio >= 0.45", met=share >= 0.45),
    ]  # fmt: skip


def _forward_flops(size: tuple[int, int], width: int = 1024, layers: int = 24, patch: int = 14) -> float:
    """Of one plane through ViT-L/14: two for each weight of the blocks and token, and the products of attention."""
    tokens = (size[0] // patch) * (size[1] // patch) + 1
    return layers * (2 * 12 * width * width * tokens + 4 * tokens * tokens * width) + 2 * 3 * patch * patch * width * tokens


def _matrix_flops() -> float:
    import torch

    a, b = (torch.randn(_MATRIX, _MATRIX, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(10):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(20):
            a @ b
        torch.cuda.synchronize()
        best = max(best, 20 * 2 * _MATRIX**3 / (time.perf_counter() - start))
    return best
