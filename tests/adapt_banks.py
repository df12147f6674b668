"""A bank of small scans whose brightness tells a finding, and small encoders of planes and of scans to adapt to it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from torch import Tensor, nn

from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.embed.weights import seeded
from scanbank.store import Bank, EncoderSpec, ViewSpec, Window
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.ingest import ingest
from scanbank.store.key import SecretKey

WINDOW = Window(-200, 200)


class Block(nn.Module):
    """x + GELU(linear(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + nn.functional.gelu(self.inner(x))


class Net(nn.Module):
    """Pixels (B, 1, ..., 8, 8) to vectors (B, 8): means over a 4 x 4 grid, then two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(16, 8)
        self.blocks = nn.ModuleList(Block() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean(2) if x.ndim == 5 else x
        x = self.stem(nn.functional.adaptive_avg_pool2d(x[:, 0], 4).flatten(1))
        for block in self.blocks:
            x = block(x)
        return x


def net_encoder(side: str = "volume", seed: int = 3) -> TorchEncoder:
    """An encoder of scans or of slices."""
    with seeded(seed):
        net = Net()
    spec = EncoderSpec(f"net-{side}", "1", 8, input_range=(-1.0, 1.0), mean=(0.0,), std=(1.0,))
    told = spec, ViewSpec((WINDOW,)), net, torch.device("cpu")
    return TorchEncoder(*told, volumes=net) if side == "volume" else TorchEncoder(*told, slices=net)


def scans_bank(folder: Path, patients: int = 30) -> Bank:
    """A scan of 4 x 8 x 8 for each patient; every second one has a bright corner, and the finding `bleed`."""
    SecretKey(bytes(range(32))).write(folder / "key")  # ids follow from it, and sides from ids: the same patients learn each time
    bank = Bank.create(folder / "bank", key_file=folder / "key")
    scans, rng = folder / "scans", np.random.default_rng(0)
    scans.mkdir()
    lines = ["path,patient_id,bleed"]
    for i in range(patients):
        voxels = rng.normal(0, 60, (8, 8, 4)).round()
        voxels[:4, :4] += 90 * (i % 2)
        voxels[0, 0] = -1000 + i  # air, and no two scans alike
        nib.save(nib.Nifti1Image(voxels.astype(np.int16), np.eye(4)), scans / f"s{i}.nii.gz")
        lines.append(f"{scans}/s{i}.nii.gz,p{i},{i % 2}")
    ingest(bank, [scans])
    table = folder / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    assert not annotate(bank, table, read_table(table, TableOptions(), want="labels"), AnnotateOptions()).unmatched
    bank.refresh()
    return bank
