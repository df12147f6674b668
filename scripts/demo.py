"""The demo: two cohorts of phantoms from DICOM files to a few-shot table, a search and a report, by the commands that anyone would use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from .output import say

CHEST, HEAD = 30, 48
"""Patients: as many as three minutes on two cores allow."""
_QUESTION = """SELECT shots, arg_max(head || ' on ' || features, auroc) AS best, round(max(auroc), 3) AS auroc FROM (
  SELECT shots, head, features, avg(value) AS auroc FROM metrics WHERE metric = 'auroc' AND shots > 0 GROUP BY ALL)
GROUP BY shots ORDER BY shots"""


class Demo:
    """Steps that are told of, and commands that are shown before they run."""

    def __init__(self, out: Path, steps: int) -> None:
        self.out = out
        self._steps, self._step = steps, 0

    def step(self, title: str, why: str) -> None:
        self._step += 1
        say(f"\n[{self._step}/{self._steps}] {title}\n{why}")

    def run(self, *words: str | Path) -> None:
        """A command of scanbank in this process.

        Raises:
            typer.Exit: it failed.
        """
        from .cli import app

        shown = [str(word).replace(f"{self.out}/", "") if isinstance(word, Path) else word for word in words]
        say(f"\n$ scanbank {' '.join(_quoted(' '.join(word.split())) for word in shown)}")
        code = app([str(word) for word in words], standalone_mode=False)
        if code:
            raise typer.Exit(code)


def _quoted(word: str) -> str:
    """For a shell; SQL in double quotes, so that its own can be read."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def run_demo(out: Path) -> None:
    """Make everything under `out`; what is there already is kept, so that a run that was interrupted goes on.

    Raises:
        typer.Exit: a step failed; it has said why.
    """
    began = time.monotonic()
    demo = Demo(out, 9)
    say(f"Everything goes to {out}; paths below are relative to it. The patients are synthetic: no scan of a person is used.")
    demo.step("Phantoms", "Two cohorts with known truth, written as DICOM series with reports and labels, by four scanners with habits.")
    for cohort, patients in (("chest", CHEST), ("head", HEAD)):
        make(demo, out / cohort, cohort, patients)
    demo.step("Ingest", "Headers only: series are put in order, names become keyed pseudonyms, reports are scrubbed, labels are joined.")
    for cohort in ("chest", "head"):
        _ingest(demo, cohort)
    demo.step("Embed the chest", "Every scan is encoded once. tiny is the small 3D dual encoder that comes along; intensity the baseline.")
    _embed(demo, "chest", ("ctclip", "lung"))
    demo.step("Embed the head", "The same encoder under three windows: each maps its range of HU onto what the network was trained with.")
    _embed(demo, "head", ("brain", "subdural", "bone"))
    chest, head = out / "chest.bank", out / "head.bank"
    demo.step(
        "Zero-shot", 'Two prompts, "... is present." and "... is not present.": on the chest, which tiny was trained on, and on heads.'
    )
    demo.run("zeroshot", chest, "--finding", "pleural_effusion")
    demo.run("zeroshot", head, "--finding", "hemorrhage")
    demo.step("Few-shot", "Cached features: every head on every feature set, on the same draws of patients.")
    demo.run("sweep", head, "--finding", "hemorrhage", "--heads", "linear,cosine,knn,prototype", "--shots", "1,5,10", "--repeats", "10")
    demo.step("Search", "A sentence finds scans, and by the vectors along depth the slice in them.")
    demo.run("search", chest, "left pleural effusion", "-k", "5", "--png", out / "search.png")
    demo.step("SQL", "Everything is a table: which head is best at each number of shots?")
    demo.run("sql", head, _QUESTION)
    demo.step("Reports", "One page a bank, with nothing beside it: tables, curves, ROC, pictures of what searches find.")
    demo.run("report", head, "-o", out / "head.html")
    demo.run("report", chest, "-o", out / "chest.html", "--query", "left pleural effusion", "--query", "pneumothorax")
    say(f"\nDone in {time.monotonic() - began:.0f} s. Open {out / 'head.html'} and {out / 'chest.html'}, look at {out / 'search.png'}.")
    say(f'Next: scanbank demo --study, scanbank sql {head} "SHOW TABLES", scanbank --help, README.md.')


def make(demo: Demo, folder: Path, cohort: str, patients: int) -> None:
    """A cohort of phantoms, where it is not there already."""
    if (folder / "cohort.json").is_file():
        say(f"{folder.name}: there already")
        return
    # --force: of a demo that was killed half-way, the folder holds a cohort that is not finished
    demo.run("phantom", folder, "--cohort", cohort, "--patients", str(patients), "--seed", "1", "--no-masks", "--force")


def _ingest(demo: Demo, cohort: str) -> None:
    bank, key, folder = demo.out / f"{cohort}.bank", demo.out / f"{cohort}.key", demo.out / cohort
    if not (bank / "bank.json").is_file():
        demo.run("init", bank, "--key-file", key)
    demo.run("ingest", bank, folder / "dicom", "--labels", folder / "labels.csv", "--reports", folder / "reports.csv", "--key-file", key)


def _embed(demo: Demo, cohort: str, windows: Sequence[str]) -> None:
    chosen = [word for window in windows for word in ("--window", window)]
    for encoder in ("intensity", "tiny"):
        demo.run("embed", demo.out / f"{cohort}.bank", "--encoder", encoder, *chosen)
