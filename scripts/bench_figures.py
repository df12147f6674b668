"""What a benchmark gives, and how peers are timed side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    files: int = 4000
    """Of the ingest benchmark: scans of `slices` files each."""
    slices: int = 200
    ingest_size: int = 64
    """Rows and columns of the files that are ingested: only their headers are read, so small ones do."""
    decode_size: int = 512
    decode_slices: int = 200
    scans: tuple[int, int] = (20, 200)
    """Few and many, for memory."""
    memory_sizes: tuple[int, ...] = (64, 256)
    memory_slices: int = 40
    vectors: int = 200_000
    """Of the set that is read whole, of `dim` values each."""
    dim: int = 512
    pt_files: int = 5000
    """Files of one vector that are read for the whole set's time."""
    many: int = 1_000_000
    """Vectors that one volume's `run` slices are found among."""
    run: int = 300
    appended_to: tuple[int, int] = (10_000, 1_000_000)
    volumes: tuple[int, int] = (10_000, 100)
    """And slices of each, of the bank that is opened."""
    sweeps: tuple[int, int] = (1000, 50)
    """Runs, and metrics of each."""
    commits: int = 60
    """In which the vectors of a set come that is then compacted."""
    vit: str = "timm:vit_base_patch16_224+random0"
    vit_scans: tuple[int, int] = (2, 48)
    """Scans, and slices of each, for an encoder that takes its time."""
    light_scans: tuple[int, int] = (24, 60)
    """And for encoders that take less than decoding does."""
    loop_scans: tuple[int, int] = (4, 120)
    """And for the loop that people write."""
    embed_scans: tuple[int, int] = (20, 400)
    """Few and many, for the memory of embedding."""
    cuda_scans: tuple[int, int] = (60, 200)
    cuda_batch: int = 256
    cuda_workers: int = 12
    memory_encoders: tuple[str, ...] = ("tiny", "timm:resnet18+random0")
    slow_repeats: int = 2
    clients: int = 32
    """Of the service at once, and the batch of the model alone."""
    serve_encoder: str = "open_clip:ViT-B-32+random0"
    serve_device: str = "auto"
    serve_seconds: float = 8.0
    """Of each round."""
    soak_seconds: float = 60.0
    table_scans: int = 1000
    """Of the few-shot table, of two backbones of `dim` values."""
    table_shots: tuple[int, ...] = (1, 5, 10, 20)
    table_repeats: int = 10
    """Draws for each number of shots."""
    loop_repeats: int = 2
    """Of these that the loop makes; its time is counted up."""
    sweep_scans: int = 25_000
    sweep_findings: int = 18
    sweep_shots: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    sweep_repeats: int = 50
    full: tuple[int, int, int] = (100_000, 768, 16)
    """Rows, values and findings."""
    bootstrap: tuple[int, int, int] = (20_000, 16, 1000)
    """Predictions, findings and draws of patients."""
    loop_draws: int = 20
    """Of these that the loop makes."""
    retrieval: tuple[int, int] = (10_000, 512)
    """Scans with as many reports, and the width of their vectors."""
    reports: int = 1000
    """To find references in and to label."""
    indexed: tuple[int, int] = (1_000_000, 512)
    """Vectors to search among, and values of each."""
    centres: int = 1000
    local: int = 20
    """Directions in which vectors of one centre differ."""
    queries: int = 200
    adapt_encoder: str = "timm:vit_base_patch16_224+random0"
    adapt_batch: int = 8
    added: int = 1000
    repeats: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    """Ours over the peer's: the median over rounds, each of which ran both."""
    lowest: float | None = None
    highest: float | None = None
    wanted: str = ""
    met: bool | None = None
    """None where nothing is wanted of it."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def cells(self) -> list[str]:
        """For a table, under COLUMNS."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        spread = "" if self.lowest is None else f"{self.lowest:.2f}..{self.highest:.2f}"
        peer = "" if self.peer is None else f"{self.peer:.4g} {self.unit} ({self.peer_name})"
        met = "" if self.met is None else "yes" if self.met else "NO"
        return [self.what, f"{self.ours:.4g} {self.unit}", peer, ratio, spread, self.wanted, met]


COLUMNS = ("what", "ours", "peer", "ratio", "min..max", "wanted", "met")


def rounds(jobs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Seconds by job: A B C, A B C, ... so that a busy moment of the machine meets them all. One round before is not counted."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(repeats + 1):
        for name, job in jobs.items():
            seconds = job()
            if number:
                found[name].append(seconds)
    return found


def rate(
    what: str, count: int, unit: str, ours: Sequence[float], peer: Sequence[float], peer_name: str, at_least: float | None = None
) -> Figure:
    """A figure of `count` things done in so many seconds, by us and by the peer, round by round."""
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    ratio = median(ratios)
    wanted = "" if at_least is None else f"ratio >= {at_least:g}"
    met = None if at_least is None else ratio >= at_least
    return Figure(what, count / median(ours), unit, count / median(peer), peer_name, ratio, min(ratios), max(ratios), wanted, met)


def bounded(
    what: str, found: Sequence[float], unit: str, below: float, peer: Sequence[float], peer_name: str, scale: float = 1e3
) -> Figure:
    """A figure of which less is better, in `scale` parts of what was found; its ratio is over the peer's, which nothing is wanted of."""
    ours, theirs = scale * median(found), scale * median(peer)
    return Figure(what, ours, unit, theirs, peer_name, wanted=f"< {below:g} {unit}", met=ours < below)


def seconds(what: str, ours: Sequence[float], peer: Sequence[float], peer_name: str, below: float) -> Figure:
    """A figure of whole seconds, of which less is better."""
    found = median(ours)
    return Figure(what, found, "s", median(peer), peer_name, wanted=f"< {below:g} s", met=found < below)


def timed(job: Callable[[], object]) -> float:
    """Seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


PEAK = """import sys
from scanbank.scripts.cli import app
app(sys.argv[1:], standalone_mode=False)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)"""
"""The command line as a program that tells its own peak of memory in kB last: `ru_maxrss` of a child begins at its parent's size."""
