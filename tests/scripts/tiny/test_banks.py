import csv
from pathlib import Path

from scanbank.scripts.tiny.banks import with_sides


def test_the_last_tenth_of_patients_validates(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = "".join(f"uid{n}.{study},PHANTOM-CHEST-{n:05d},1\n" for n in range(1, 21) for study in (1, 2))
    table.write_text(f"study_uid,patient_id,nodule\n{rows}")
    with with_sides(table, tmp_path / "out.csv", 20).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == ["study_uid", "patient_id", "nodule", "split"]
    assert {row["patient_id"][-2:] for row in found if row["split"] == "val"} == {"19", "20"}
    assert [row["split"] for row in found].count("train") == 36
