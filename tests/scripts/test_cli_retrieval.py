"""`scanbank retrieval` and `scanbank localize`, on what `embed` makes of small series with reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank


@pytest.fixture
def reported(bank: Bank, tmp_path: Path) -> str:
    lines = ["patient_id,report"]
    for n in range(6):
        write_series(tmp_path / "scans" / str(n), patient_id=f"p{n}", series_uid=f"1.{n}", seed=n)
        lines.append(f'p{n},"There is a nodule of {n} mm in the left lung (image 2). No pleural effusion."')
    (tmp_path / "reports.csv").write_text("\n".join(lines) + "\n")
    path = str(bank.path)
    for command in (
        ["ingest", path, str(tmp_path / "scans"), "--reports", str(tmp_path / "reports.csv")],
        ["embed", path, "--encoder", "tiny"],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    return path


def test_both_commands_answer_as_tables_and_as_json(reported: str, tmp_path: Path) -> None:
    run = CliRunner()
    told = run.invoke(app, ["retrieval", reported])
    assert told.exit_code == 0, told.output
    assert "6 scans and as many texts of 6 patients" in told.stdout
    assert "image to text" in told.stdout
    found = json.loads(run.invoke(app, ["retrieval", reported, "--json"]).stdout)
    assert {row["direction"] for row in found["rows"]} == {"text_to_image", "image_to_text"}
    assert found["settings"]["pool"] == 6

    (volume,) = Bank.open(reported).sql("SELECT volume FROM volumes ORDER BY volume LIMIT 1").column(0).to_pylist()
    answer = json.loads(run.invoke(app, ["localize", reported, "nodule", "--volume", volume, "-k", "1", "--json"]).stdout)
    assert (answer["volume"], len(answer["levels"])) == (volume, 1)
    told = run.invoke(app, ["localize", reported, "nodule", "--volume", volume, "--png", str(tmp_path / "levels.png")])
    assert told.exit_code == 0, told.output
    assert (tmp_path / "levels.png").stat().st_size > 1000
    told = run.invoke(app, ["localize", reported, "--evaluate"])
    assert told.exit_code == 0, told.output
    assert "middle_slice" in told.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["retrieval", "--texts", "everything"], "choose report, sentences, or section:NAME"),
        (["retrieval"], "no study has both"),
        (["localize"], "--volume ID"),
        (["localize", "nodule"], "--volume ID"),
        (["localize", "nodule", "--evaluate"], "leave the query"),
        (["localize", "--evaluate"], "no report refers"),
        (["localize", "nodule", "--volume", "v", "--png", "x.txt"], ".png"),
        (["localize", "nodule", "--volume", "v"], "volume 'v' is unknown"),
    ],
    ids=range(8),
)
def test_mistakes_are_one_line_and_exit_code_2(bank: Bank, words: list[str], told: str) -> None:
    done = CliRunner().invoke(app, [words[0], str(bank.path), *words[1:]])
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
