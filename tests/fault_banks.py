"""Banks for faults: a command, the bank it is given, and every state that the bank may be in afterwards."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np

from bank_states import Content, check, content, opened
from dicom_files import write_series
from eval_banks import toy_bank
from faults import Commands, Outcome
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank
from scanbank.store.ingest import ingest

OLD = Path(__file__).with_name("data") / "bank-format-1.zip"
CASES = {"ingest": 4, "embed": 3, "sweep": 2, "compact": 2, "alias": 2, "tag": 1, "migrate": 3}
"""Commands, and the states of a bank from before to after."""
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
    calls: int = 0
    seconds: float = 0.0

    @property
    def bank(self) -> Path:
        return self.folder / "bank"

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
        self.end, self.calls, self.seconds = check(bank), outcome.calls, outcome.seconds
        self.states += [content(Bank.open(self.bank, at=entry.snapshot)) for entry in bank.log() if entry.snapshot not in before]
        return outcome


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
    """Two patients' series, a long volume, and a file that cannot be read."""
    for i in range(2):
        write_series(folder / f"scan{i}", n=3, patient_id=f"p{i}", series_uid=f"1.{i}", seed=i, AccessionNumber=f"A{i}")
    voxels = np.random.default_rng(0).integers(-1000, 1000, (8, 8, SLICES)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([0.7, 0.7, 1.5, 1.0])), folder / "long.nii")
    (folder / "broken.nii").write_bytes((folder / "long.nii").read_bytes()[:400])
    (folder / "labels.csv").write_text("accession,bleed\nA0,1\nA1,0\n")
    return [folder / "scan0", folder / "scan1", folder / "long.nii"]


def make_cases(root: Path, commands: Commands) -> dict[str, Case]:
    """Every command that writes, each on a bank of its own."""
    scans = root / "scans"
    scans.mkdir()
    paths = write_scans(scans)
    makers: dict[str, tuple[list[str], Callable[[Bank], object]]] = {
        "ingest": (["ingest", "BANK", *map(str, paths), str(scans / "broken.nii"), "--labels", str(scans / "labels.csv"), "--workers", "1"], lambda _: None),
        "embed": (["embed", "BANK", "--encoder", "intensity", "--workers", "1"], lambda bank: ingest(bank, paths)),
        "sweep": (["sweep", "BANK", "--finding", "bleed", "--heads", "cosine", "--shots", "1,2", "--repeats", "2"], lambda bank: toy_bank(bank, 24)),
        "compact": (["compact", "BANK", "--keep", "2", "--grace", "0"], _worn),
        "alias": (["alias", "BANK", "best", "intensity/ctclip/slice"], _embedded(paths[:2])),
        "tag": (["tag", "BANK", "paper"], _embedded(paths[:2])),
        "migrate": (["alias", "BANK", "best", "intensity/brain/slice"], lambda _: None),
    }  # fmt: skip
    cases: dict[str, Case] = {}
    for name, (words, make) in makers.items():
        base, folder = root / "bases" / name, root / "work" / name
        with homes(base):
            if name == "migrate":
                _unpack_old(base)
            else:
                make(Bank.create(base / "bank"))
        case = Case(
            name, [str(folder / "bank") if word == "BANK" else word for word in words], base, folder, code=int(name == "ingest")
        )  # one file is broken
        case.learn(commands)
        cases[name] = case
    return cases


def _embedded(paths: list[Path]) -> Callable[[Bank], None]:
    def make(bank: Bank) -> None:
        ingest(bank, paths)
        embed(bank, open_encoder("intensity"))

    return make


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
