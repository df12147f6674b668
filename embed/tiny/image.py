"""The image side of `tiny`: a small 3D network with a vector for each depth and one for the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = (2, 4, 4)
"""Voxels (z, y, x) to a place of the stem's output: a depth of the output is two planes of the view."""


@final
@dataclass(frozen=True)
class ImageConfig:
    """Everything that decides the shapes of the weights."""

    grey_windows: tuple[tuple[float, float], ...]
    """(lo, hi) in the input range -1..1: the network looks at the voxels through each of them at once."""
    widths: tuple[int, int, int, int] = (16, 32, 80, 128)
    """Channels after the first layer and after each halving of the plane."""
    blocks: tuple[int, int] = (2, 2)
    """Residual blocks after each halving."""
    grid: tuple[int, int] = (6, 8)
    """(y, x) places of the last stage, each with a position of its own."""
    dim: int = 128


@final
class Block(nn.Module):
    """A residual bottleneck: within the plane, then along depth (as in R(2+1)D, Tran et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        self.norm = nn.BatchNorm3d(width)
        self.shrink = nn.Conv3d(width, inner, 1)
        self.plane = nn.Conv3d(inner, inner, (1, 3, 3), padding=(0, 1, 1))
        self.depth = nn.Conv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0))
        self.grow = nn.Conv3d(inner, width, 1)
        nn.init.zeros_(self.grow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Z, Y, X) to the same."""
        hidden = functional.gelu(self.shrink(self.norm(x)))
        hidden = functional.gelu(self.plane(hidden))
        return x + self.grow(functional.gelu(self.depth(hidden)))


@final
class DepthBlock(nn.Module):
    """A residual mixer along depth."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 5, padding=2, groups=width)
        self.out = nn.Conv1d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(B, C, Z) to the same; what lies beyond the scan stays zero."""
        return (x + self.out(functional.gelu(self.mix(self.norm(x))))) * valid


@final
class ImageEncoder(nn.Module):
    """Voxels (B, 1, Z, Y, X) in -1..1 to unit vectors of the volume (B, D) and of its depths (B, Z / 2, D)."""

    low: Tensor
    scale: Tensor

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        fine, first, second, third = config.widths
        edges = torch.tensor(config.grey_windows)
        self.register_buffer("low", edges[:, 0].clone())
        self.register_buffer("scale", 2 / (edges[:, 1] - edges[:, 0]))
        # What is small (a nodule, a calcified artery) is a few voxels wide: a first look at every second voxel keeps it.
        self.fine = nn.Conv3d(len(edges), fine, 2, 2)
        self.patch = nn.Conv3d(fine, first, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.down1 = nn.Conv3d(first, second, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.stage1 = nn.Sequential(*(Block(second) for _ in range(config.blocks[0])))
        self.down2 = nn.Conv3d(second, third, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.place = nn.Parameter(torch.zeros(1, third, 1, *config.grid))
        self.stage2 = nn.Sequential(*(Block(third) for _ in range(config.blocks[1])))
        self.norm = nn.BatchNorm3d(third)
        # What scans share fills most of a pooled vector: without this, all volumes begin within a degree of each other and stay there.
        self.centre = nn.BatchNorm1d(third * 2)
        self.join = nn.Linear(third * 2, config.dim * 2)
        self.mixers = nn.ModuleList(DepthBlock(config.dim * 2) for _ in range(2))
        self.depth_head = nn.Linear(config.dim * 2, config.dim)
        self.centre_volume = nn.BatchNorm1d(config.dim * 4)
        self.volume_head = nn.Linear(config.dim * 4, config.dim)
        self.to(memory_format=torch.channels_last_3d)  # twice as fast on processors

    def forward(self, voxels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of volumes (B, D) and depths (B, Z', D), and where the depths lie in the scan (B, Z'), not in the padding."""
        valid = in_scan(voxels)
        # windows along the last axis: in memory, channels are last from here on
        grey = torch.addcmul(-1 - self.low * self.scale, voxels[:, 0, ..., None], self.scale).clamp_(-1, 1).permute(0, 4, 1, 2, 3)
        x = functional.gelu(self.patch(functional.gelu(self.fine(grey))))
        x = self.stage1(functional.gelu(self.down1(x)))
        x = self.down2(x) + functional.interpolate(self.place, (1, *_halved(x)), mode="trilinear", align_corners=False)
        x = functional.gelu(self.norm(self.stage2(x)))
        pooled = torch.cat([x.mean((3, 4)), x.amax((3, 4))], 1).float()
        mask = valid[:, None].to(pooled.dtype)
        h = self.join(self.centre(pooled).transpose(1, 2)).transpose(1, 2) * mask
        for mixer in self.mixers:
            h = mixer(h, mask)
        mean = h.sum(2) / mask.sum(2).clamp_min(1)
        most = torch.where(valid[:, None], h, h.new_tensor(-1e4)).amax(2)
        volume = self.volume_head(self.centre_volume(torch.cat([mean, most], 1)))
        return functional.normalize(volume, dim=-1), functional.normalize(self.depth_head(h.transpose(1, 2)), dim=-1), valid


def in_scan(voxels: Tensor) -> Tensor:
    """(B, Z / 2) of bool: depths that hold anything but a view's padding, which is the lower end of the window.

    A volume that is all padding counts as whole: a mask without a true value would leave nothing to pool.
    """
    planes = (voxels[:, 0] > -1).flatten(2).any(-1)
    depths = planes[:, : planes.shape[1] // PATCH[0] * PATCH[0]].unflatten(1, (-1, PATCH[0])).any(-1)
    return depths | ~depths.any(1, keepdim=True)


def _halved(x: Tensor) -> tuple[int, int]:
    return (x.shape[3] + 1) // 2, (x.shape[4] + 1) // 2
