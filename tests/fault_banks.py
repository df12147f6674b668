"""Banks for faults: a command, the bank it is given, and every state that the bank may be in afterwards."""

from __future__ import annotations

import json
import os
import random
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import nibabel as nib
import numpy as np

from bank_states import Content, check, content, leftovers, opened
from dicom_files import write_series
from eval_banks import toy_bank
from faults import Commands, Outcome
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.compact import collect
from scanbank.store.csv_table import read_table
from scanbank.store.csv_types import TableOptions
from scanbank.store.doctor import diagnose
from scanbank.store.ingest import ingest
from scanbank.store.places import place_of
from scanbank.store.retention import expire

OLD = Path(__file__).with_name("data") / "bank-format-1.zip"
WORDS = {
    "ingest": "ingest BANK SCANS/scan0 SCANS/scan1 SCANS/long.nii SCANS/broken.nii --labels SCANS/labels.csv --workers 1",
    "embed": "embed BANK --encoder intensity --workers 1",
    "sweep": "sweep BANK --finding bleed --heads cosine --shots 1,2 --repeats 2",
    "compact": "compact BANK --keep 2 --grace 0",
    "alias": "alias BANK best intensity/ctclip/slice",
    "tag": "tag BANK paper",
    "migrate": "alias BANK best intensity/brain/slice",
    "reports": "ingest BANK --reports SCANS/reports.csv",
    "label": "label BANK --findings chest18",
    "index": "index BANK --kind hnsw",
}
STATES = {"ingest": 4, "embed": 3, "sweep": 2, "compact": 2, "alias": 2, "tag": 1, "migrate": 3, "reports": 2, "label": 2, "index": 1}
"""Of a bank before and after each of a command's commits."""
SLICES = 1030
"""Of the long scan: an embed commits once it has a chunk, and again at its end."""


@dataclass
class Case:
    """A command on a bank. Paths in `words` are as `folder` is; the bank is made anew in it for every try."""

    name: str
    words: list[str]
    base: Path
    folder: Path
    code: int = 0
    """With which it ends."""
    states: list[Content] = field(default_factory=list[Content])
    """Before the command, and after each of its commits."""
    end: Content = field(default_factory=Content)
    said: str = ""
    """What it prints when it is done."""
    calls: int = 0
    seconds: float = 0.0

    @property
    def bank(self) -> Path:
        return self.folder / "bank"

    def at(self, folder: Path) -> Case:
        """The same command, tried in another folder."""
        return replace(self, folder=folder, words=[word.replace(str(self.folder), str(folder)) for word in self.words])

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder)

    def open(self) -> Bank:
        return opened(self.bank, self.folder)

    def learn(self, commands: Commands) -> Outcome:
        """Run it undisturbed: what it may leave, what it must end with, and how many calls it makes."""
        self.reset()
        bank = self.open()
        self.states = [content(bank)]
        before = {entry.snapshot for entry in bank.log()}
        outcome = commands.run(self.words, self.folder)
        assert outcome.code == self.code, outcome.stderr
        bank = self.open()
        self.end, self.calls, self.seconds, self.said = check(bank), outcome.calls, outcome.seconds, outcome.stdout
        self.states += [content(Bank.open(self.bank, at=entry.snapshot)) for entry in bank.log() if entry.snapshot not in before]
        return outcome

    def look(self, where: str) -> Content:
        """Check the bank as an interrupted command left it: as it was, or with whole commits."""
        now = check(self.open())
        wrong = [finding for finding in diagnose(place_of(self.bank)) if finding.severity != "note"]
        if self.name == "index":  # a file without its card counts for nothing, and goes when the index is made
            wrong = [finding for finding in wrong if "named by no card" not in finding.problem]
        assert wrong == [], f"{where}: {wrong}"
        assert {name: now[name] for name in ("tables", "vectors")} in self.states, where
        return now

    def finish(self, commands: Commands, where: str) -> None:
        """The same command again does what is missing, and nothing is left over that `compact` does not sweep."""
        again = commands.run(self.words, self.folder)
        taken = self.name == "tag" and "is taken" in again.stderr
        assert again.code == self.code or taken, f"{where}: {again.stderr}"
        assert check(self.open()) == self.end, where
        if self.name == "index":  # which is no table: what is measured on it tells that it is whole
            assert again.stdout == self.said, where
            assert [finding for finding in diagnose(place_of(self.bank)) if finding.severity != "note"] == [], where
        bank = self.open()
        with bank.place.writer("sweep", 60.0):  # what `compact --grace 0` does at its end
            expire(bank.place, bank.repository, keep=100)
            collect(bank, datetime.now(UTC))
        assert leftovers(bank) == [], where
        bank.refresh()
        assert content(bank)["vectors"] == self.end["vectors"], where


@contextmanager
def homes(folder: Path) -> Iterator[None]:
    """Keys and maps below `folder`, as commands run there have them."""
    kept = {name: os.environ.get(name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    os.environ |= {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def write_scans(folder: Path) -> list[Path]:
    """Two patients' series and a long volume, whose paths are given; beside them labels and a file that cannot be read."""
    for i in range(2):
        write_series(folder / f"scan{i}", n=3, patient_id=f"p{i}", series_uid=f"1.{i}", seed=i, AccessionNumber=f"A{i}")
    voxels = np.random.default_rng(0).integers(-1000, 1000, (8, 8, SLICES)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([0.7, 0.7, 1.5, 1.0])), folder / "long.nii")
    (folder / "broken.nii").write_bytes((folder / "long.nii").read_bytes()[:400])
    (folder / "labels.csv").write_text("accession,bleed\nA0,1\nA1,0\n")
    said = "FINDINGS: A nodule of 8 mm (series 1, image 2). No effusion.", "FINDINGS: Lungs are clear. IMPRESSION: No nodule."
    (folder / "reports.csv").write_text("accession,report\n" + "".join(f'A{i},"{text}"\n' for i, text in enumerate(said)))
    return [folder / "scan0", folder / "scan1", folder / "long.nii"]


class Cases(dict[str, Case]):
    """Every command that writes, each on a bank of its own, made when it is first asked for."""

    def __init__(self, root: Path, commands: Commands) -> None:
        super().__init__()
        self._root, self._commands = root, commands
        self._scans = root / "scans"
        self._paths = write_scans(self._scans)

    def __missing__(self, name: str) -> Case:
        base, folder = self._root / "bases" / name, self._root / "work" / name
        with homes(base):
            self._make(name, base)
        words = [word.replace("BANK", str(folder / "bank")).replace("SCANS", str(self._scans)) for word in WORDS[name].split()]
        self[name] = Case(name, words, base, folder, code=int(name == "ingest"))  # where one file is broken
        self[name].learn(self._commands)
        return self[name]

    def _make(self, name: str, base: Path) -> None:
        if name == "migrate":
            _unpack_old(base)
            return
        bank = Bank.create(base / "bank")
        if name in ("embed", "alias", "tag", "reports", "label"):
            ingest(bank, self._paths[: None if name == "embed" else 2])
        if name == "label":
            path = self._scans / "reports.csv"
            annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions())
        if name == "index":
            toy_bank(bank, 24)
        if name in ("alias", "tag"):
            embed(bank, open_encoder("intensity"))
        if name == "sweep":
            toy_bank(bank, 24)
        if name == "compact":
            _worn(bank)


def call_sample(cases: Cases, names: Sequence[str], count: int) -> list[tuple[Case, int]]:
    """Calls of these commands in turn, anywhere in them, the same at every run."""
    rng = random.Random(0)
    return [(cases[name], rng.randint(1, cases[name].calls)) for name in islice(cycle(names), count)]


def _worn(bank: Bank) -> None:
    """Superseded rows, many files, vectors that no item holds, a tag."""
    toy_bank(bank, 8)
    bank.tag("kept")
    for status in ("present", "absent", "uncertain"):
        with bank.commit(status) as commit:
            commit.append(
                "labels", ({"item": f"v{i}", "level": "volume", "finding": "bleed", "status": status, "source": "table"} for i in range(8))
            )
    with bank.commit("renumber") as commit:
        bank.refresh()
        row = next(row for row in bank.snapshot.rows("volumes") if row["volume"] == "v3")
        first = commit.reserve(1 + row["slices"])
        commit.append("volumes", [row | {"ordinal": first, "slice_ordinal": first + 1}])
        planes = [plane for plane in bank.snapshot.rows("slices") if plane["volume"] == "v3"]
        commit.append("slices", [plane | {"ordinal": first + 1 + plane["index"]} for plane in planes])
    bank.refresh()


def _unpack_old(base: Path) -> None:
    """The bank of format 1, with its key where it is looked for."""
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(base)
    keys = base / "config" / "scanbank" / "keys"
    keys.mkdir(parents=True)
    card = json.loads((base / "bank" / "bank.json").read_text())
    (base / "key").rename(keys / f"{card['key']}.key")
