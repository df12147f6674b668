"""Tests of what is said of patients, studies and series, against a plain loop over random tables."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from scanbank.store import Bank

DISTANCE = {"volume": 0, "series": 1, "study": 2, "patient": 3}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [("study",), ("patient",), ("volume",), ("series", "volume"), tuple(DISTANCE)], ids="-".join)
def test_the_nearest_word_counts(tmp_path: Path, levels: tuple[str, ...], seed: int) -> None:
    pick = random.Random(seed)
    volumes = [
        {"volume": f"v{n}", "ordinal": n, "series": f"r{n}", "study": f"s{n // 2}", "patient": f"p{n // 4}", "slices": 1}
        | ({"patient_key": f"k{n // 2}"} if pick.random() < 0.3 else {})
        | ({"replaced_by": f"v{n + 1}", "kind": "dicom"} if n % 2 == 0 and pick.random() < 0.3 else {})
        for n in range(8)
    ]
    names = {"volume": "v", "series": "r", "study": "s", "patient": "pk"}
    said: list[dict[str, str]] = []
    bank = Bank.create(tmp_path / "bank")
    for _ in range(3):
        words: dict[str, dict[str, str]] = {}
        for status in ("present", "absent") * 3:
            level = pick.choice(levels)
            item = pick.choice(names[level]) + str(pick.randrange(9))
            words[item] = {"item": item, "level": level, "finding": "f", "source": "t", "status": status}
        with bank.commit("words") as commit:
            commit.append("labels", list(words.values()))
        said += words.values()
    with bank.commit("scans") as commit:
        commit.append("volumes", volumes)
    bank.refresh()
    latest = {row["item"]: row for row in said}  # of one level: an item's name has its letter
    whole = [volume for volume in volumes if "replaced_by" not in volume]
    expected: dict[str, str] = {}
    for volume in whole:
        parts = [other["volume"] for other in volumes if other.get("replaced_by") == volume["volume"]]
        tiers = [[volume["volume"]], [*parts, volume["series"]], [volume["study"]], [volume["patient"]], [volume.get("patient_key")]]
        for tier in tiers:
            found = [latest[name] for name in tier if name in latest]
            if found:
                expected[volume["volume"]] = max(found, key=said.index)["status"]
                break
    known = {volume.get(column) for volume in whole for column in ("patient", "patient_key", "study")}
    loose = {item: row["status"] for item, row in latest.items() if row["level"] in ("study", "patient") and item not in known}
    there = {volume["volume"] for volume in volumes}
    loose |= {item: row["status"] for item, row in latest.items() if row["level"] == "volume" and item not in there}
    assert {row["item"]: row["status"] for row in bank.sql("SELECT * FROM labels").to_pylist()} == expected | loose
    assert bank.sql("SELECT count(*) AS n FROM labels").column("n")[0].as_py() == len(expected | loose)
