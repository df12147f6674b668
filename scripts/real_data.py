"""Runs ingest and embed over a folder of public scans and prints what was read as Markdown: the source of docs/real-data.md.

`python -m scanbank.scripts.real_data ../shared/data > docs/real-data.md`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = """# Real data

Written by `python -m scanbank.scripts.real_data ../shared/data`, which ingests and embeds (`intensity`) each folder of public scans
into a bank of its own, through the command line. The scans themselves are not part of the project; what each folder is, and where it
comes from, stands in the README beside them.

Times are whole commands on 2 cores, start of Python (0.6 s) included; they say what to expect, and are no benchmark.
"""


@dataclass(frozen=True)
class Job:
    """One folder and the words that its README would suggest."""

    name: str
    ingest: tuple[str, ...]
    """Words of the command; `{}` is the folder. Several commands where there is a `;`."""
    windows: tuple[str, ...] = ()
    remark: str = ""


IMAGES = ("{}", "--images", "each", "--labels", "{}/labels.csv")
JOBS = (
    Job("dcm_qa_ct", ("{}",), ("brain", "bone")),
    Job("totalseg", ("{}",), ("mediastinum", "lung")),
    Job("dicom2nifti", ("{}",), ("brain", "bone")),
    Job("wado_testimages", ("{}",), ("mediastinum", "lung")),
    Job(
        "ct_ich",
        ("{}", "--images", "stack", "--exported-window", "brain", "--labels", "{}/labels.csv", "--labels", "{}/slice_labels.csv"),
        ("brain",),
    ),
    Job("head_ct", (*IMAGES, "--exported-window", "brain"), ("brain",)),
    Job("covid_ct", (*IMAGES, "--exported-window", "lung"), ("lung",)),
    Job("brain_mri", IMAGES, ("as-is",)),
    Job("mednist", (*IMAGES, "--classes", "label"), ("as-is",)),
    Job("medpix2", ("{}", "--images", "each"), ("as-is",)),
    Job(
        "ct_rate_reports",
        ("--reports", "{}/reports_labels.csv", "--rename", "AccessionNo=accession", "--rename", "report_text=report", "--create-studies"),
    ),
    Job(
        "iu_xray_reports",
        (
            *("--reports", "{}/reports.csv", "--rename", "uid=accession", "--create-studies"),
            *("--ignore", "MeSH,Problems,image,indication,comparison", ";"),
            *("--labels", "{}/gold14.csv", "--rename", "filename=accession", "--create-studies"),
        ),
        remark="The two tables name a report differently (`4` and `CXR4`), so their studies do not meet: rename the ids before.",
    ),
    Job("cq500_labels", ("--labels", "{}/reads.csv", "--rename", "name=patient_id", "--ignore", "Category", "--create-studies")),
    Job(
        "chexpert_labeler",
        (
            *("--labels", "{}/labeled_reports.csv", "--rename", "Reports=report", "--create-studies", ";"),
            *("--reports", "{}/sample_reports.csv", "--columns", "report", "--create-studies"),
        ),
        remark="The second table holds the same four reports and has no header line: it adds nothing.",
    ),
)


def scanbank(*words: str) -> tuple[Any, float, str]:
    """The JSON that a command prints, its seconds, and its stderr."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "scanbank.scripts.cli", *words, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"scanbank {' '.join(words)} failed: {done.stderr}")
    return json.loads(done.stdout) if done.stdout else {}, time.perf_counter() - start, done.stderr


def describe(job: Job, folder: Path, bank: Path) -> str:
    """One section of the page."""
    scanbank("init", str(bank))
    commands: list[list[str]] = [[]]
    for word in job.ingest:
        commands.append([]) if word == ";" else commands[-1].append(word.format(folder))
    lines = [f"## {job.name}", "", "```"]
    seconds = 0.0
    unmatched = 0
    for command in commands:
        lines.append("scanbank ingest BANK " + " ".join(word.replace(str(folder), job.name) for word in command))
        done, took, _ = scanbank("ingest", str(bank), *command)
        seconds += took
        unmatched += sum(len(table["unmatched"]) for table in done.get("tables", []))
    embedded: dict[str, Any] = {}
    took = 0.0
    if job.windows:
        words = [word for window in job.windows for word in ("--window", window)]
        lines.append("scanbank embed BANK --encoder intensity " + " ".join(words))
        embedded, took, _ = scanbank("embed", str(bank), "--encoder", "intensity", *words)
    lines += ["```", ""]
    status, _, _ = scanbank("status", str(bank))
    failures, _, _ = scanbank("status", str(bank), "--failures")
    lines.append("- " + ", ".join(f"{count} {name}" for name, count in status["items"].items() if count))
    labels = Counter[str]()
    for row in status["labels"]:
        labels[row["level"]] += row["present"] + row["absent"] + row["other"]
    if labels:
        lines.append("- labels: " + ", ".join(f"{count} at the level of the {level}" for level, count in labels.items()))
    if status["flags"]:
        lines.append("- flags: " + ", ".join(f"{count} {flag}" for flag, count in status["flags"].items()))
    for row in status["left_out"]:
        lines.append(f"- left out: {row['files']} x {row['reason']}")
    for reason, count in Counter(f"{row['stage']}: {row['reason']}" for row in failures).items():
        lines.append(f"- failed: {count} x {reason}")
    for name, count in embedded.get("sets", {}).items():
        lines.append(
            f"- {count} vectors in `{name}`" + (f", {embedded['copied']} scans copied from equal content" if embedded["copied"] else "")
        )
    if job.remark:
        lines.append(f"- {job.remark}")
    lines.append(f"- {seconds:.1f} s to ingest" + (f", {took:.1f} s to embed" if job.windows else ""))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the page for the folder named on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit("usage: python -m scanbank.scripts.real_data DATA")
    data = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ |= {"XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}
        print(HEAD)
        for job in JOBS:
            print(describe(job, data / job.name, home / job.name), flush=True)


if __name__ == "__main__":
    main()
