"""The study of the demo: its sides, its names, and, slowly, the whole of it, small."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from scanbank.scripts.cli_demo import foreign_in
from scanbank.scripts.demo_study import sides
from scanbank.store import Bank

LABELS = "study_uid,patient_id,hemorrhage\n" + "".join(
    f"{i}.{k},p{i:02},{int(i % 3 == 0 or (i % 3 == 1 and k == 1))}\n" for i in range(45) for k in range(1 + i % 2)
)
"""Of 45 patients, a third with it in every study; others never, or in the second of two."""


def of(table: str) -> dict[str, str]:
    return {row["patient_id"]: row["split"] for row in csv.DictReader(table.splitlines())}


def test_every_patient_has_one_side_and_each_side_has_of_all_kinds() -> None:
    dealt, said = of(sides(LABELS)), {f"p{i:02}": set[str]() for i in range(45)}
    for row in csv.DictReader(LABELS.splitlines()):
        said[row["patient_id"]].add(row["hemorrhage"])
    assert sorted(dealt) == sorted(said)
    assert Counter(dealt.values()) == {"train": 18, "test": 18, "val": 9}
    for kind in ({"0"}, {"1"}, {"0", "1"}):
        assert {dealt[patient] for patient, found in said.items() if found == kind} == {"train", "val", "test"}
    assert sides(LABELS) == sides(LABELS)


def test_a_demo_and_its_study_may_share_a_folder(tmp_path: Path) -> None:
    for name in ("chest.bank", "head", "search.png", "study", "study.bank", "study.results", "study.split.csv"):
        (tmp_path / name).mkdir()
    assert foreign_in(tmp_path) == []
    (tmp_path / "studyroom").mkdir()
    assert foreign_in(tmp_path) == ["studyroom"]


SMALL = """
from pathlib import Path
from scanbank.scripts.demo_study import Size, run_demo_study
run_demo_study(Path(sys.argv[1]), ("tiny",), Size(20, 1, "1,3"))
"""


@pytest.mark.slow
def test_the_study_as_a_whole_and_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", f"import sys\n{SMALL}", str(out)]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [int(n) for n in re.findall(r"^\[(\d+)/4\]", first, re.MULTILINE)] == [1, 2, 3, 4]
    assert re.search(r"^  tiny@1, brain: .*linear probe 0\.\d+ \(", first, re.MULTILINE)
    assert "tested on " in first
    assert {path.name for path in (out / "study.results").iterdir()} == {
        "full-data.md", "full-data.csv", "few-shot.md", "few-shot.csv", "differences.csv", "study.png",
    }  # fmt: skip
    assert foreign_in(out) == []
    kept = {path.name: path.read_bytes() for path in (out / "study.results").iterdir()}
    bank = Bank.open(out / "study.bank", key_file=out / "study.key")
    assert bank.sql("SELECT count(*) AS n FROM encoders WHERE parent IS NOT NULL").to_pylist() == [{"n": 6}]
    snapshot = bank.snapshot.id
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "there already" in again
    bank.refresh()
    assert bank.snapshot.id == snapshot
    assert {path.name: path.read_bytes() for path in (out / "study.results").iterdir()} == kept
