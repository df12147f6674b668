"""Few-shot and zero-shot on public scans: `python -m scanbank.scripts.real_study ../shared/data --page docs/real-data.md`.

The figures replace what stands between the markers of the page. Every number is a mean over ten splits by patient: these collections are
too small for one split to say anything.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.eval.measuring import Measuring
from scanbank.eval.results import Result
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.eval.units import Units, evaluation_units
from scanbank.eval.zeroshot import zeroshot
from scanbank.store import Bank, parse_window
from scanbank.store.errors import UsageError

from .pages import write_between
from .real_data import scanbank

BEGIN, END = "<!-- few-shot figures: written by scripts/real_study.py -->", "<!-- end of few-shot figures -->"
INTRODUCTION = """## Few-shot and zero-shot

Written by `python -m scanbank.scripts.real_study ../shared/data --page docs/real-data.md`, after the sections above. AUROC on the test
patients, mean ± standard deviation over ten splits by patient (in brackets: splits that could be measured) of the mean over five draws;
zero-shot on all scans with a 95% interval by patient. These collections are small, their images 8-bit exports without spacing
(`embed --fit`), and `tiny` was trained on synthetic chests in another window: the numbers are modest, and a difference of 0.1 between two
of them means little.
"""
SPLITS = range(10)
HEADS = ("linear", "cosine", "knn", "prototype")
SHOTS: tuple[int | None, ...] = (1, 5, None)
LEAKS = {
    "content": "sets of equal images on both sides",
    "near_duplicate": "images of val and test that are near duplicates of another patient's on an earlier side",
}


@dataclass(frozen=True)
class Task:
    """A collection, how it is read, and what is asked of it."""

    title: str
    folder: str
    finding: str
    window: str
    images: str
    """`stack` or `each`."""
    tables: tuple[str, ...] = ("labels.csv",)
    by_slice: bool = False
    """Each image is taken by itself; the slice table becomes one by path."""
    prompts: tuple[str, str] | None = None


GROUND_GLASS = ("Ground glass opacity is present.", "Ground glass opacity is not present.")
"""What COVID-19 looks like, in words that `tiny` was trained on."""
TASKS = (
    Task("ct_ich by patient", "ct_ich", "hemorrhage", "brain", "stack"),
    Task("ct_ich by slice", "ct_ich", "hemorrhage", "brain", "each", by_slice=True),
    Task("head_ct", "head_ct", "hemorrhage", "brain", "each"),
    Task(
        "covid_ct",
        "covid_ct",
        "covid",
        "lung",
        "each",
        prompts=("Ground glass opacity is present.", "Ground glass opacity is not present."),
    ),
)


def slice_table(folder: Path, out: Path, finding: str) -> Path:
    """The slice labels of ct_ich by path, images of one patient in one group."""
    with (folder / "slice_labels.csv").open(newline="") as file, out.open("w", newline="") as made:
        writer = csv.writer(made)
        writer.writerow(("path", "group", finding))
        for row in csv.DictReader(file):
            path = folder / row["patient_id"] / f"{int(row['slice_number']):03d}.jpg"
            if path.is_file():
                writer.writerow((path, row["patient_id"], row[finding]))
    return out


def bank_of(task: Task, data: Path, home: Path) -> Bank:
    """A bank with `intensity` and `tiny`, made through the command line where a user would."""
    folder, path = data / task.folder, home / f"{task.title.replace(' ', '-')}.bank"
    bank = Bank.create(path, key_file=path.with_suffix(".key"))
    tables = [folder / name for name in task.tables]
    if task.by_slice:
        tables = [slice_table(folder, path.with_suffix(".csv"), task.finding)]
    words = [str(word) for table in tables for word in ("--labels", table)]
    key = ("--key-file", str(path.with_suffix(".key")))
    scanbank("ingest", str(path), str(folder), "--images", task.images, "--exported-window", task.window, *words, *key)
    bank.refresh()
    windows = (parse_window(task.window),)
    for uri in ("intensity", "tiny"):
        encoder = open_encoder(uri, device="cpu")
        embed(bank, encoder, [encoder.view.fitted.with_windows(windows)])
    return bank


def few_shot(bank: Bank, task: Task, heads: Sequence[str] = HEADS) -> tuple[dict[tuple[str, str], list[str]], str]:
    """AUROC of each head on each feature set, for each number of shots: mean and deviation over splits of the mean over draws.

    And what the guards found on both sides of these splits, which is allowed here, as these collections are what they are.
    """
    values: dict[tuple[str, str, int | None], list[float]] = defaultdict(list)
    names: dict[tuple[str, str], None] = {}
    leaks: dict[str, list[int]] = defaultdict(list)
    studied = 0
    for seed in SPLITS:
        results = _studied(bank, task, heads, seed)
        studied += bool(results)
        for result in results:
            for row in result.summary():
                if row.mean is not None:
                    names[row.head, row.features] = None
                    values[row.head, row.features, row.shots].append(row.mean)
        for leak in results[0].settings.get("allowed_leaks", ()) if results else ():
            leaks[leak["kind"]].append(leak["count"])
    cells = {
        name: [
            f"{np.mean(of):.2f} ± {np.std(of, ddof=1):.2f} ({len(of)})" if len(of := values[(*name, shots)]) > 1 else "–" for shots in SHOTS
        ]
        for name in sorted(names)
    }
    told = [f"{LEAKS.get(kind, kind)} in {len(of)} of {studied} splits, {min(of)} to {max(of)} a split" for kind, of in leaks.items()]
    return cells, f"Leaks that were allowed (`--allow-leak`) and flatter these figures: {'; '.join(told)}." if told else ""


def _studied(bank: Bank, task: Task, heads: Sequence[str], seed: int) -> list[Result]:
    """Of one split; numbers of shots that it has too few examples for are left out, or everything, where a side lacks a class."""
    protocol = Protocol(seed, split=f"patients-{seed}", measuring=Measuring(("auroc",), "none"), predictions=False, allow_leak=True)

    def swept(shots: Sequence[int | None]) -> list[Result]:
        return list(sweep_all(bank, [task.finding], heads, shots, 5, protocol=protocol))

    try:
        return swept(SHOTS)
    except UsageError:
        found: list[Result] = []
        for shots in SHOTS:
            with suppress(UsageError):
                found += swept([shots])
        return found


def zero_shot(bank: Bank, task: Task) -> str:
    prompt, negative = task.prompts or (None, None)
    rows = zeroshot(bank, task.finding, everyone=True, prompt=prompt, negative=negative).summary()
    (row,) = [row for row in rows if row.metric == "auroc"]
    asked = f'"{prompt}" against "{negative}"' if prompt else "the usual pair of prompts"
    return f"Zero-shot with `tiny`, {asked}, all scans: AUROC {row.mean:.2f} ({row.lo:.2f} to {row.hi:.2f})."


def section(task: Task, data: Path, home: Path) -> str:
    """One collection, as Markdown."""
    bank = bank_of(task, data, home)
    units = evaluation_units(bank, task.finding, "volume")
    return "\n".join([*few_shot_table(bank, task, units), "", zero_shot(bank, task), ""])


def few_shot_table(bank: Bank, task: Task, units: Units, heads: Sequence[str] = HEADS) -> list[str]:
    """A heading, who is evaluated, and the few-shot figures, as lines of Markdown."""
    present, patients = int(units.y.sum()), len(set(units.patients.tolist()))
    lines = [f"### {task.title}", "", f"{task.finding}: {present} present, {len(units) - present} absent, {patients} patients.", ""]
    lines += [f"| head | features | {' | '.join('all' if k is None else f'{k} shot' + 's' * (k > 1) for k in SHOTS)} |"]
    lines += ["|---|---|" + "---|" * len(SHOTS)]
    rows, leaks = few_shot(bank, task, heads)
    lines += [f"| {head} | `{features}` | {' | '.join(cells)} |" for (head, features), cells in rows.items()]
    return [*lines, *(["", leaks] if leaks else [])]


def write_study(
    about: str,
    tasks: Sequence[Task],
    section: Callable[[Task, Path, Path], str],
    markers: tuple[str, str],
    introduction: str,
    arguments: Sequence[str] | None = None,
) -> None:
    """The command: print a section for each task, and write them between the markers of a page."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("data", type=Path)
    parser.add_argument("--page", type=Path, help="Write the figures between the markers of this page.")
    given = parser.parse_args(arguments)
    parts = []
    with tempfile.TemporaryDirectory() as home:
        for task in tasks:
            parts.append(section(task, given.data.resolve(), Path(home)))
            print(parts[-1], flush=True)
    if given.page:
        write_between(given.page, *markers, "\n".join([introduction, *parts]))


def main(arguments: Sequence[str] | None = None) -> None:
    write_study(__doc__ or "", TASKS, section, (BEGIN, END), INTRODUCTION, arguments)


if __name__ == "__main__":
    main()
