"""Benchmarks at sizes that take seconds, and what any of them must report."""

from __future__ import annotations

import math

from scanbank.scripts.bench import workplace
from scanbank.scripts.bench_figures import COLUMNS, Sizes
from scanbank.scripts.bench_jobs import BENCHES

TINY = Sizes(
    files=6,
    slices=3,
    ingest_size=16,
    decode_size=16,
    decode_slices=3,
    scans=(1, 2),
    memory_sizes=(16,),
    memory_slices=3,
    vectors=30,
    dim=8,
    pt_files=20,
    many=40,
    run=7,
    appended_to=(10, 40),
    volumes=(5, 4),
    sweeps=(3, 4),
    commits=3,
    vit="timm:test_vit+random0",
    vit_scans=(1, 3),
    light_scans=(1, 3),
    loop_scans=(1, 3),
    embed_scans=(1, 2),
    memory_encoders=("intensity",),
    slow_repeats=1,
    clients=2,
    serve_encoder="tiny",
    serve_device="cpu",
    serve_seconds=0.2,
    soak_seconds=1.0,
    table_scans=300,
    table_shots=(1, 2),
    table_repeats=2,
    loop_repeats=1,
    sweep_scans=800,
    sweep_findings=2,
    sweep_shots=(1, 2),
    sweep_repeats=2,
    full=(400, 8, 2),
    bootstrap=(200, 2, 20),
    loop_draws=2,
    retrieval=(120, 8),
    reports=5,
    indexed=(3000, 16),
    centres=20,
    local=4,
    queries=20,
    added=30,
    adapt_encoder="timm:test_vit+random0",
    adapt_batch=2,
    repeats=1,
)


def check_numbers(name: str) -> None:
    """A benchmark reports figures, each of which may be printed, and leaves nothing."""
    with workplace() as folder:
        figures = BENCHES[name](folder, TINY)
    assert figures
    for figure in figures:
        assert figure.ours > 0
        assert figure.peer is not None
        assert figure.peer > 0
        assert all(value is None or math.isfinite(value) for value in (figure.ratio, figure.lowest, figure.highest))
        assert (figure.met is None) == (not figure.wanted)
        assert len(figure.cells()) == len(COLUMNS)
    assert not folder.exists()
