"""`scanbank embed` as a user types it: views, what is kept, precision, several devices, and mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from dicom_files import write_series
from scanbank.embed.report import EmbedReport
from scanbank.scripts.cli import app
from scanbank.scripts.devices import Others, devices_of, shard_of
from scanbank.scripts.view_options import geometry_of, layers_of
from scanbank.store import Bank, ViewSpec
from scanbank.store.errors import ScanbankError, UsageError
from scanbank.store.ingest import ingest

COMMAND = (sys.executable, "-m", "scanbank.scripts.cli")
VIT = "timm:test_vit+random0"


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    for i in range(4):
        write_series(tmp_path / "scans" / str(i), n=6, shape=(20, 24), patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    return bank


def run(bank: Bank, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["embed", str(bank.path), *arguments, "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def run_typed(monkeypatch: pytest.MonkeyPatch, bank: Bank, *arguments: str) -> Result:
    """The command in this process, which starts the others by what was typed."""
    words = ["embed", str(bank.path), *arguments, "--json"]
    monkeypatch.setattr(sys, "argv", ["scanbank", *words])
    return CliRunner().invoke(app, words)


def process(bank: Bank, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "embed", str(bank.path), *arguments, "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_views_are_changed_part_by_part(scans: Bank) -> None:
    found = run(scans, "--encoder", "intensity", "--window", "brain,lung", "--take", "even:3")
    assert found["sets"] == {"intensity/brain,even:3/slice": 12, "intensity/lung,even:3/slice": 12}
    found = run(scans, "--encoder", "tiny", "--spacing", "5x4x4", "--shape", "8x96x128", "--no-depth")
    assert found["sets"] == {"tiny@1/ctclip,5x4x4mm,8x96x128/volume": 4}
    found = run(scans, "--encoder", VIT, "--size", "160x160", "--interpolation", "nearest", "--orientation", "pls")
    assert list(found["sets"]) == [f"{VIT}/ctclip,160x160px,nearest,PLS/slice"]


def test_tokens_and_precision(scans: Bank) -> None:
    found = run(scans, "--encoder", VIT, "--tokens", "--layers", "2,1", "--precision", "bf16", "--batch", "5")
    view = "ctclip,160x160px,cubic"
    assert found["sets"] == {f"{VIT}+bf16/{view}/slice": 24} | {f"{VIT}+bf16/{view}/tokens/block{n}": 24 for n in (2, 1)}
    assert found["batch"] == 5
    last = run(scans, "--encoder", VIT, "--tokens")
    assert any("tokens/block" in name for name in last["sets"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layers", "1"), "add --tokens"),
        (("--tokens", "--layers", "0"), "block numbers from 1"),
        (("--tokens", "--layers", "99"), "found layer 99"),
        (("--spacing", "1x2"), "mm from Z to X, such as 1.5x0.75x0.75"),
        (("--shape", "1x2x0"), "voxels from Z to X"),
        (("--shape", "1.5x2x2"), "voxels from Z to X"),
        (("--take", "some"), "even:32, middle:16 or every:5mm"),
        (("--precision", "int8"), "precision 'int8' is unknown"),
        (("--device", "cuda:77"), "choose auto or cpu"),
    ],
)
def test_mistakes_are_one_line(scans: Bank, arguments: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(app, ["embed", str(scans.path), "--encoder", VIT, *arguments])
    said = str(done.exception) if isinstance(done.exception, ScanbankError) else done.output
    assert message in said.replace("\n", " ")
    assert done.exit_code != 0


def test_several_devices_share_the_work(scans: Bank, tmp_path: Path) -> None:
    """Two processes on the CPU stand for two cards."""
    done = process(scans, "--encoder", "intensity", "--device", "cpu,cpu")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["sets"] == {"intensity/ctclip/slice": 24}
    assert told["volumes"] == 4
    whole = Bank.create(tmp_path / "whole")
    ingest(whole, [tmp_path / "scans"])
    run(whole, "--encoder", "intensity")
    scans.refresh()
    whole.refresh()
    held, expected = scans.features("intensity/ctclip/slice"), whole.features("intensity/ctclip/slice")
    assert sorted(held.items()) == sorted(expected.items())
    np.testing.assert_array_equal(held.of(np.sort(held.items())), expected.of(np.sort(expected.items())))


@pytest.mark.slow
def test_a_compiled_model_gives_the_same_vectors(scans: Bank, tmp_path: Path) -> None:
    whole = Bank.create(tmp_path / "whole")
    ingest(whole, [tmp_path / "scans"])
    run(whole, "--encoder", VIT)
    done = process(scans, "--encoder", VIT, "--device", "cpu", "--compile")
    assert done.returncode == 0, done.stderr
    scans.refresh()
    whole.refresh()
    name = f"{VIT}/ctclip,160x160px,cubic/slice"
    expected = whole.features(name)
    np.testing.assert_allclose(scans.features(name).of(expected.items()), expected.vectors(), atol=1e-4)


def test_a_device_that_is_not_there_stops_them_all(scans: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_typed(monkeypatch, scans, "--encoder", "tiny", "--device", "cpu,cuda:77")
    assert done.exit_code != 0
    assert "the process of another device ended" in done.stderr
    assert "Traceback" not in done.stderr


def told_by(code: str) -> subprocess.Popen[str]:
    report = {
        "volumes": 2,
        "copied": 0,
        "failed": 0,
        "interrupted": False,
        "suspicious": 1,
        "suspicion": "air at 0",
        "sets": {},
        "reasons": {},
    }
    script = f"import os, signal, sys, time\n{code}\nprint({json.dumps(report)!r})"
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_what_the_others_say_is_added() -> None:
    report = EmbedReport(volumes=1, suspicious=1)
    Others([told_by(""), told_by("")]).join(report)
    assert (report.volumes, report.suspicious, report.suspicion, report.interrupted) == (5, 3, "air at 0", False)


def test_the_others_may_finish_after_an_interrupt() -> None:
    report = EmbedReport()
    Others([told_by("os.kill(os.getppid(), signal.SIGINT); time.sleep(1)")]).join(report)
    assert (report.volumes, report.interrupted) == (2, True)


def test_changed_files_are_accepted_once_for_all_devices(scans: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(scans, "--encoder", "intensity")
    for i in range(4):
        write_series(tmp_path / "scans" / str(i), n=6, shape=(20, 24), patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=9 + i)
    done = run_typed(monkeypatch, scans, "--encoder", "intensity", "--device", "cpu,cpu", "--accept-changed")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["volumes"] == 4
    scans.refresh()
    assert sum(entry.message.startswith("accept:") for entry in scans.log()) == 1
    assert run(scans, "--encoder", "intensity")["skipped"] == 4


def test_what_options_mean() -> None:
    assert devices_of("cuda:0, cpu") == ["cuda:0", "cpu"]
    assert shard_of("1/3") == (1, 3)
    with pytest.raises(UsageError, match="I from 0"):
        shard_of("3/3")
    assert layers_of("12, 18,12") == (12, 18)
    given: Any = {"spacing": "", "shape": "", "size": "", "take": "", "orientation": "", "interpolation": "", "fit": False}
    base = ViewSpec(spacing_mm=(1, 2, 3), shape=(4, 5, 6))
    assert geometry_of(base, **given) == base
    assert geometry_of(base, **given | {"spacing": "none", "shape": "7,8,9"}) == ViewSpec(shape=(7, 8, 9))
    assert geometry_of(base, **given | {"fit": True, "take": "trim"}) == ViewSpec(size=(5, 6), slices="trim")
