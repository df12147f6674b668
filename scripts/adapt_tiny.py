"""Make `tiny@2` and `tiny-vocabfine@1` from `tiny@1`: `python -m scanbank.scripts.adapt_tiny WORK`. Some hours on 2 cores.

Everything goes through the commands that a user has: phantoms, ingest, embed, adapt, export-encoder. `tiny@2` learns from reports,
prompts and depths at once; three more encoders lack one term or both of the latter two, and all are measured on phantoms of another seed.
`tiny-vocabfine@1` is adapted from `tiny@2`. Stages can be chosen; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from scanbank.embed.adapt.opening import kept_named, open_in
from scanbank.embed.tiny.model import TinyModel, save
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.wise_run import Way
from scanbank.scripts.pages import write_between
from scanbank.scripts.tiny.banks import phantom_bank, scanbank
from scanbank.scripts.tiny.data import finding_names
from scanbank.scripts.tiny.measured import by_finding, differences, measured, table
from scanbank.scripts.tiny.points import at, points
from scanbank.store import Bank

RECIPES = Path(__file__).parent / "tiny" / "recipes"
LEARNED_FROM, TESTED_ON = (20261126, 500), (303, 200)
"""Seeds and patients of the two cohorts."""
MAIN = "second"
"""The recipe of `tiny@2`."""
ABLATION = ("pairs", "pairs-prompts", "pairs-pointers", "all-terms")
SECOND, VOCABFINE = "2", "vocabfine-1"
"""Folders of the two releases."""
BEGIN, END = "<!-- figures: written by scripts/adapt_tiny.py -->", "<!-- end of figures -->"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    stages = ("banks", MAIN, *ABLATION, "release", "vocabfine", "figures")
    parser.add_argument("--only", choices=stages, action="append", help="These stages.")
    parser.add_argument("--workers", type=int, default=2, help="Scans that are decoded at a time.")
    parser.add_argument("--release", type=Path, help="The package's own folder of releases; both are written to it.")
    parser.add_argument("--docs", type=Path, help="Write recipes and logs here.")
    parser.add_argument("--page", type=Path, help="Write the figures between the markers of this page.")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    asked = given.only or stages
    learned, tested = given.work / "train.bank", given.work / "test.bank"
    if "banks" in asked:
        phantom_bank(given.work, "train", "chest", LEARNED_FROM[1], LEARNED_FROM[0], divided=True)
        phantom_bank(given.work, "test", "chest", TESTED_ON[1], TESTED_ON[0])
        for bank in (learned, tested):
            scanbank("embed", bank, "--encoder", "tiny@1", "--workers", given.workers)
    for name in (MAIN, *ABLATION):
        if name in asked:
            adapt(given.work, name, "tiny@1", given.workers)
    releases: Path = given.release or given.work / "releases"
    if "release" in asked:
        release(given.work, MAIN, "tiny@1", releases / SECOND, given.docs)
    if "vocabfine" in asked:
        parent = "tiny@2" if given.release else f"tiny:{releases / SECOND}"
        adapt(given.work, "vocabfine", parent, given.workers)
        release(given.work, "vocabfine", parent, releases / VOCABFINE, given.docs)
    if "figures" in asked:
        text = figures(given.work, releases, given.workers)
        print(text)
        if given.page:
            write_between(given.page, BEGIN, END, text)


def adapt(work: Path, name: str, parent: str, workers: int) -> None:
    """The child `tiny-NAME` of a parent, by its recipe."""
    findings = ",".join(finding_names(COHORTS["chest"]))
    options = ("--finding", findings, "--name", f"tiny-{name}", "--cache", work / "voxels", "--work", work / f"state-{name}")
    scanbank(
        "adapt",
        work / "train.bank",
        "--encoder",
        parent,
        "--recipe",
        RECIPES / f"{name}.yaml",
        *options,
        "--workers",
        workers,
        "--no-embed",
    )


def release(work: Path, name: str, parent: str, folder: Path, docs: Path | None) -> None:
    """Write what is best between a parent and its child `tiny-NAME` as a release of tiny, and recipe and log."""
    bank, findings = Bank.open(work / "train.bank"), finding_names(COHORTS["chest"])
    found = points(bank, f"tiny-{name}", parent, findings, work / "voxels")
    best = max(found[1:], key=lambda point: point.score)
    print(f"{name}: validation " + ", ".join(f"{one.score:.4f} at {one.alpha:g}" for one in found), flush=True)
    way = Way(bank, kept_named(bank, f"tiny-{name}"), lambda: open_in(bank, parent, device="cpu"))
    model, card = at(way, best.alpha).model, way.whole.card
    assert isinstance(model, TinyModel)
    told = {
        "parent": card.parent.digest,
        "training": {
            "parent": card.parent.name,
            "cohort": {"name": "chest", "seed": LEARNED_FROM[0], "patients": LEARNED_FROM[1]},
            "recipe": dict(card.recipe),
            "objective": dict(card.objective),
            "items": card.data["items"],
            "epochs": [{key: one[key] for key in ("epoch", "loss", "rate", "score")} for one in card.epochs],
            "best": card.best,
            "points": [vars(one) for one in found],
            "alpha": best.alpha,
            "scanbank": card.scanbank,
        },
        "note": "Trained on synthetic chest phantoms; no clinical model.",
    }
    save(model, folder, told)
    if docs:
        docs.mkdir(parents=True, exist_ok=True)
        shutil.copy(RECIPES / f"{name}.yaml", docs / f"{name}.yaml")
        with (docs / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(card.epochs[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(card.epochs)


def _exported(work: Path, name: str) -> Path:
    """The child as a folder that tiny opens."""
    folder = work / "exported" / name
    if not folder.is_dir():
        scanbank("export-encoder", work / "train.bank", f"tiny-{name}", folder)
    return folder


def figures(work: Path, releases: Path, workers: int) -> str:
    """The figures of the page, as Markdown."""
    bank, findings = work / "test.bank", finding_names(COHORTS["chest"])
    released = {"tiny@1": "tiny@1", "tiny@2": f"tiny:{releases / SECOND}", "tiny-vocabfine@1": f"tiny:{releases / VOCABFINE}"}
    uris = released | {name: f"tiny:{_exported(work, name)}" for name in ABLATION}
    for uri in uris.values():
        scanbank("embed", bank, "--encoder", uri, "--workers", workers)
    opened = Bank.open(bank, key_file=work / "test.key")
    first, *others = (measured(opened, name, uri, findings) for name, uri in uris.items())
    return "\n".join([table([first, *others]), differences(others, first), by_finding([first, *others[:2]], findings)])


if __name__ == "__main__":
    main()
