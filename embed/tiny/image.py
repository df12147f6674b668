"""The image side of `tiny`: a small 3D network with a vector for each depth and one for the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = (2, 4, 4)
"""Voxels (z, y, x) to a place of the stem's output: a depth of the output is two planes of the view."""

REGIONS = (3, 4)
"""(y, x) parts of the plane that are pooled each by itself: where something is tells what it is."""

SIDES = 2
"""Halves of the plane, right and left, whose brightest spots are told apart."""


@final
@dataclass(frozen=True)
class ImageConfig:
    """Everything that decides the shapes of the weights."""

    grey_windows: tuple[tuple[float, float], ...]
    """(lo, hi) in the input range -1..1: the network looks at the voxels through each of them at once."""
    levels: tuple[float, ...]
    """Ascending, in the input range: how much of each region lies above each of them is a feature by itself."""
    widths: tuple[int, int, int, int] = (16, 32, 80, 128)
    """Channels after the first layer and after each halving of the plane."""
    blocks: tuple[int, int] = (2, 2)
    """Residual blocks after each halving."""
    grid: tuple[int, int] = (6, 8)
    """(y, x) places of the last stage, each with a position of its own."""
    regional: int = 24
    """Channels that are pooled by region."""
    spots: int = 12
    """Channels that light up where something is, at two scales; in training they are told where."""
    dim: int = 128


@final
class Fine(nn.Module):
    """A first look that halves the volume: averages as a convolution takes them, and the brightest voxel of each place.

    What is small (a calcified artery, a catheter) is a voxel wide: in an average of eight it is gone.
    """

    low: Tensor
    scale: Tensor

    def __init__(self, windows: tuple[tuple[float, float], ...], width: int) -> None:
        super().__init__()
        edges = torch.tensor(windows)
        self.register_buffer("low", edges[:, 0].clone())
        self.register_buffer("scale", 2 / (edges[:, 1] - edges[:, 0]))
        self.mean = nn.Conv3d(len(edges), width, 2, 2, bias=False)
        self.brightest = nn.Conv3d(len(edges), width, 1, bias=False)
        self.norm = nn.BatchNorm3d(width)

    def forward(self, voxels: Tensor) -> Tensor:
        """(B, 1, Z, Y, X) to (B, C, Z / 2, Y / 2, X / 2)."""
        # a window keeps the order of values: the brightest are found before it, on one channel
        brightest = self.windowed(functional.max_pool3d(voxels, 2))
        return functional.relu(self.norm(self.mean(self.windowed(voxels)) + self.brightest(brightest)))

    def windowed(self, voxels: Tensor) -> Tensor:
        """(B, 1, Z, Y, X) through each window: (B, W, Z, Y, X) in -1..1."""
        # windows along the last axis: in memory, channels are last from here on
        return torch.addcmul(-1 - self.low * self.scale, voxels[:, 0, ..., None], self.scale).clamp_(-1, 1).permute(0, 4, 1, 2, 3)


@final
class Down(nn.Module):
    """A convolution within the plane that halves it."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Z, Y, X) to (B, C', Z, Y / 2, X / 2)."""
        return functional.relu(self.norm(self.conv(x)))


@final
class Block(nn.Module):
    """A residual bottleneck: within the plane, then along depth (as in R(2+1)D, Tran et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        self.shrink = nn.Conv3d(width, inner, 1, bias=False)
        self.plane = nn.Conv3d(inner, inner, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.depth = nn.Conv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.grow = nn.Conv3d(inner, width, 1, bias=False)
        self.norm1, self.norm2, self.norm3 = (nn.BatchNorm3d(inner) for _ in range(3))
        self.norm4 = nn.BatchNorm3d(width)
        nn.init.zeros_(self.norm4.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Z, Y, X) to the same."""
        hidden = functional.relu(self.norm1(self.shrink(x)))
        hidden = functional.relu(self.norm2(self.plane(hidden)))
        hidden = functional.relu(self.norm3(self.depth(hidden)))
        return functional.relu(x + self.norm4(self.grow(hidden)))


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
@dataclass(frozen=True)
class Seen:
    """What the convolutions see in voxels."""

    pooled: Tensor
    """(B, P, Z'): each plane's features, pooled."""
    levels: Tensor
    """(B, REGIONS * L, Z'): of `shares`."""
    lit: Tensor
    """(B, 2 * SIDES * spots): the brightest spots of the scan."""
    valid: Tensor
    """(B, Z') of bool: False for padding."""
    spots: tuple[Tensor, ...]
    """Logits (B, spots, Z', Y', X') at an 8th and a 16th of the plane's resolution."""


@final
class ImageEncoder(nn.Module):
    """Voxels (B, 1, Z, Y, X) in -1..1 to unit vectors of the volume (B, D) and of its depths (B, Z / 2 rounded up, D)."""

    levels: Tensor

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        fine, first, second, third = config.widths
        self.fine = Fine(config.grey_windows, fine)
        self.patch = Down(fine, first)
        self.stage1 = nn.Sequential(Down(first, second), *(Block(second) for _ in range(config.blocks[0])))
        self.down2 = Down(second, third)
        self.place = nn.Parameter(torch.zeros(1, third, 1, *config.grid))
        self.stage2 = nn.Sequential(*(Block(third) for _ in range(config.blocks[1])))
        self.regional = nn.Conv3d(third, config.regional, 1)
        self.spots = nn.ModuleList(_rare(nn.Conv3d(width, config.spots, 1)) for width in (second, third))
        pooled = 2 * first + second + 2 * third + config.regional * REGIONS[0] * REGIONS[1] + 2 * SIDES * config.spots
        self.centre = nn.BatchNorm1d(pooled)
        self.join = nn.Linear(pooled, config.dim * 2)
        # Diffuse disease (emphysema) is a matter of amounts, which a few small channels give up first: they are counted beside them.
        self.register_buffer("levels", torch.tensor(config.levels), persistent=False)
        self.centre_levels = nn.BatchNorm1d(len(config.levels) * REGIONS[0] * REGIONS[1], affine=False)
        self.join_levels = nn.Parameter(torch.zeros(config.dim * 2, self.centre_levels.num_features))
        self.mixers = nn.ModuleList(DepthBlock(config.dim * 2) for _ in range(2))
        # Without a bias, and of centred values: what all scans share would fill the vectors, all but a hundredth of their length.
        self.depth_head = nn.Linear(config.dim * 2, config.dim, bias=False)
        self.centre_volume = nn.BatchNorm1d(config.dim * 4 + 2 * SIDES * config.spots, affine=False)
        self.volume_head = nn.Linear(config.dim * 4 + 2 * SIDES * config.spots, config.dim, bias=False)
        self.to(memory_format=torch.channels_last_3d)  # twice as fast on processors

    def forward(self, voxels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of volumes (B, D) and depths (B, Z', D), and where the depths lie in the scan (B, Z'), not in the padding."""
        seen = self.look(voxels)
        return *self.read(seen), seen.valid

    def look(self, voxels: Tensor) -> Seen:
        """The convolutions alone."""
        voxels = functional.pad(voxels, (0, 0, 0, 0, 0, -voxels.shape[2] % PATCH[0]), value=-1.0)  # an odd plane, or a single one
        valid = in_scan(voxels)
        small = self.patch(self.fine(voxels))
        middle = self.stage1(small)
        x = self.down2(middle)
        large = self.stage2(x + functional.interpolate(self.place, (1, x.shape[3], x.shape[4]), mode="trilinear", align_corners=False))
        regions = _flat(functional.adaptive_avg_pool3d(self.regional(large), (None, *REGIONS)))
        spots = [light(at) for light, at in zip(self.spots, (middle, large), strict=True)]
        brightest = [_flat(functional.adaptive_max_pool3d(one, (one.shape[2], 1, SIDES))) for one in spots]
        parts = [small.amax((3, 4)), small.mean((3, 4)), middle.amax((3, 4)), large.amax((3, 4)), large.mean((3, 4)), regions, *brightest]
        lit = torch.cat(brightest, 1).float().amax(2)
        return Seen(torch.cat(parts, 1).float(), shares(voxels, self.levels), lit, valid, tuple(spots))

    def read(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """Unit vectors of volumes (B, D) and depths (B, Z', D)."""
        valid, mask = seen.valid, seen.valid[:, None].to(seen.pooled.dtype)
        joined = self.join(self.centre(seen.pooled).transpose(1, 2))
        joined = joined + functional.linear(self.centre_levels(seen.levels).transpose(1, 2), self.join_levels)
        h = joined.transpose(1, 2) * mask
        for mixer in self.mixers:
            h = mixer(h, mask)
        mean = h.sum(2) / mask.sum(2).clamp_min(1)
        most = torch.where(valid[:, None], h, h.new_tensor(-1e4)).amax(2)
        volume = self.volume_head(self.centre_volume(torch.cat([mean, most, seen.lit], 1)))
        return functional.normalize(volume, dim=-1), functional.normalize(self.depth_head(h.transpose(1, 2)), dim=-1)


def shares(voxels: Tensor, levels: Tensor) -> Tensor:
    """How much of each depth (two planes) lies above each level, by region of the plane, on a logarithmic scale.

    Args:
        voxels: (B, 1, Z, Y, X), Z even.
        levels: (L,), ascending.

    Returns:
        (B, REGIONS * L, Z / 2), float32: log(share + 0.001).
    """
    batch, _, planes, rows, columns = voxels.shape
    steps, regions, bins = planes // PATCH[0], REGIONS[0] * REGIONS[1], len(levels) + 1
    row, column = (torch.arange(n, device=voxels.device) * parts // n for n, parts in zip((rows, columns), REGIONS, strict=True))
    region = row[:, None] * REGIONS[1] + column
    step = torch.arange(batch * steps, device=voxels.device).view(batch, steps, 1, 1, 1)
    bin = torch.bucketize(voxels.float().view(batch, steps, PATCH[0], rows, columns), levels)
    counts = torch.bincount(((step * regions + region) * bins + bin).flatten(), minlength=batch * steps * regions * bins)
    counts = counts.view(batch, steps, regions, bins).float()
    above = counts.flip(-1).cumsum(-1).flip(-1)[..., 1:] / counts.sum(-1, keepdim=True).clamp_min(1)
    return torch.log(above + 1e-3).flatten(2).transpose(1, 2)


def _rare(spots: nn.Conv3d) -> nn.Conv3d:
    """The same, its logits beginning low: what is looked for is rare (Lin et al. 2017, "Focal Loss for Dense Object Detection")."""
    if spots.bias is not None:
        nn.init.constant_(spots.bias, -4.0)
    return spots


def _flat(x: Tensor) -> Tensor:
    """(B, C, Z, Y, X) to (B, C * Y * X, Z)."""
    return x.transpose(1, 2).flatten(2).transpose(1, 2)


def in_scan(voxels: Tensor) -> Tensor:
    """(B, Z / 2), Z even, of bool: depths that hold anything but a view's padding, which is the lower end of the window.

    A volume that is all padding counts as whole: a mask without a true value would leave nothing to pool.
    """
    planes = (voxels[:, 0] > -1).flatten(2).any(-1)
    depths = planes.unflatten(1, (-1, PATCH[0])).any(-1)
    return depths | ~depths.any(1, keepdim=True)
