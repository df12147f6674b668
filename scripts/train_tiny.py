"""Train `tiny` on chest phantoms and their reports: `python -m scanbank.scripts.train_tiny WORK`.

An hour and a half on 2 cores, phantoms included.

The same command goes on after a kill: phantoms are cached in WORK, the state is saved every few minutes, and each batch
follows from the seed and its number alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from scanbank.embed.tiny.model import save
from scanbank.scripts.tiny.curves import LOSSES, draw
from scanbank.scripts.tiny.refine import Refining, refine
from scanbank.scripts.tiny.run import Run, Settings
from scanbank.scripts.tiny.state import fingerprint, read_state, write_state


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--patients", type=int, default=Settings.patients)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--every", type=int, default=150, help="Steps between saves and scores.")
    parser.add_argument("--release", type=Path, help="Write the trained model here.")
    parser.add_argument("--docs", type=Path, help="Write settings, log and curves here.")
    given = parser.parse_args(arguments)
    settings = Settings(steps=given.steps, patients=given.patients)
    torch.set_num_threads(given.workers)
    run = Run(settings, given.work, given.workers)
    name, state, log = fingerprint(asdict(settings)), given.work / "state.safetensors", given.work / "log.csv"
    first = read_state(state, run.model, run.optimizer, name)
    print(f"{len(run.train)} training series, {len(run.held)} held out; step {first} of {settings.steps}", flush=True)
    if first == 0:
        print(f"text side warmed up: loss {run.warm_up():.4f}", flush=True)
    rows: list[list[float]] = []
    began = time.monotonic()
    for step in range(first, settings.steps):
        rows.append(run.step(step))
        if (step + 1) % given.every and step + 1 != settings.steps:
            continue
        scores = run.score()
        means = dict(zip(LOSSES, np.mean(rows, 0).round(4).tolist(), strict=True))
        _log(log, step + 1, {"rate": run.rate(step), "seconds": time.monotonic() - began} | means | scores)
        rows.clear()
        write_state(state, step + 1, run.model, run.optimizer, name)
    refining = Refining()

    def tell(done: int, losses: list[float]) -> None:
        means = dict(zip(LOSSES[:3], np.round(losses, 4).tolist(), strict=True))
        _log(log, settings.steps + done, {"rate": None, "seconds": time.monotonic() - began} | means | {"places": None} | run.score())

    refine(run, refining, tell, given.every)  # minutes: after a kill it begins anew from the state above
    if given.release:
        card = {
            "training": asdict(settings) | {"series": len(run.train), "refining": asdict(refining)},
            "note": "Trained on synthetic chest phantoms; no clinical model.",
        }
        save(run.model, given.release, card)
    if given.docs:
        given.docs.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, given.docs / "log.csv")
        draw(log, given.docs / "curves.png")
        (given.docs / "settings.json").write_text(json.dumps(asdict(settings) | {"refining": asdict(refining)}, indent=1) + "\n")


def _log(path: Path, step: int, values: dict[str, float | None]) -> None:
    row = {"step": step} | {key: None if value is None else float(f"{value:.5g}") for key, value in values.items()}
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
