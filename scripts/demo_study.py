"""The study of the demo: how far encoders of the chest get on heads, by every way there is, at a size that two cores do in some minutes."""

from __future__ import annotations

import csv
import io
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import final

from ..store.repository import told
from .demo import Demo, make
from .output import say

BACKBONES = ("tiny", "tiny-vocabfine")
_SIDES = ("train", "test", "val", "test", "train")
"""Dealt in turn. As many test as learn: it costs no training, and few who test say little."""


@final
@dataclass(frozen=True)
class Size:
    """What fits two cores for some minutes."""

    patients: int = 60
    epochs: int = 3
    shots: str = "1,5,10"
    """Ten of each class are all that so many patients have to learn from."""


def run_demo_study(out: Path, backbones: Sequence[str] = BACKBONES, size: Size | None = None) -> None:
    """Make everything under `out`; what is there already is kept, so that a run that was interrupted goes on.

    Raises:
        typer.Exit: a step failed; it has said why.
    """
    began, size = time.monotonic(), size or Size()
    demo, cohort, bank, results = Demo(out, 4), out / "study", out / "study.bank", out / "study.results"
    say(f"Everything goes to {out}; paths below are relative to it. The patients are synthetic: no scan of a person is used.")
    say("The question: encoders that learned from chests meet heads. Who finds hemorrhage best: prompts alone, a linear probe on frozen")
    say("vectors, or a backbone that moves, by LoRA or in its lower half? Through which window? And what is learned from few examples?")
    demo.step("Phantoms", f"Heads of {size.patients} patients, some with several studies, as DICOM series with labels.")
    make(demo, cohort, "head", size.patients)
    demo.step("Ingest", "A table gives the sides: two in five patients test, not the fifth that a bank would leave: they are few.")
    split = out / "study.split.csv"
    with told(f"writing {split}"):
        split.write_text(sides((cohort / "labels.csv").read_text(encoding="utf-8")), encoding="utf-8")
    key = out / "study.key"
    if not (bank / "bank.json").is_file():
        demo.run("init", bank, "--key-file", key)
    demo.run("ingest", bank, cohort / "dicom", "--labels", cohort / "labels.csv", "--labels", split, "--key-file", key)
    demo.step(
        "The study",
        f"{' and '.join(backbones)} under three windows: embedded, asked by prompts, probed, moved twice for {size.epochs} epochs,\n"
        "and embedded and probed as what came out. All of it is kept as it goes: after Ctrl-C, the same command goes on.",
    )
    chosen = ("--backbones", ",".join(backbones), "--windows", "brain,subdural,bone", "--epochs", str(size.epochs), "--shots", size.shots)
    demo.run("study", "ct-clip-ich", bank, *chosen, "--cache", out / "study.voxels", "--key-file", key, "--out", results)
    demo.step("Who came from whom", "A backbone that moved is an encoder of its own: its parent, what it learned from, how it did.")
    demo.run("lineage", bank)
    say(f"\nDone in {time.monotonic() - began:.0f} s. Look at {results / 'study.png'}; the tables are beside it.")
    say("Next, with scans and weights of your own: scanbank ingest BANK ..., then")
    say("scanbank study ct-clip-ich BANK --backbones ctclip:CT-CLIP_v2.pt --windows brain,subdural,bone --out FOLDER (docs/adaptation.md).")


def sides(labels: str) -> str:
    """A table of patients and sides, from a cohort's table of labels: those with hemorrhage in every study, in some, and in none are dealt
    in turn, so that each side has of all three.
    """
    said: dict[str, set[str]] = defaultdict(set)
    for row in csv.DictReader(io.StringIO(labels)):
        said[row["patient_id"]].add(row["hemorrhage"])
    dealt = zip(sorted(said, key=lambda patient: (sorted(said[patient]), patient)), cycle(_SIDES), strict=False)
    return "patient_id,split\n" + "".join(f"{patient},{side}\n" for patient, side in sorted(dealt))
