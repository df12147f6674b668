"""The benchmarks of searching, one function each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .bench_figures import Figure, Sizes
from .bench_index import index
from .bench_reports import reports

SEARCH_PARTS: dict[str, Callable[[Path, Sizes], list[Figure]]] = {"search-index": index, "search-reports": reports}


def search(folder: Path, sizes: Sizes) -> list[Figure]:
    """All of them, each in a folder of its own."""
    figures: list[Figure] = []
    for name, job in SEARCH_PARTS.items():
        own = folder / name
        own.mkdir()
        figures += job(own, sizes)
    return figures
