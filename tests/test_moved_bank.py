"""A bank copied to a machine that has neither its key nor its map answers; what it cannot do is said in a line, with the way out."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dicom_files import write_series
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.key import default_key_file
from scanbank.store.local_map import map_file


def run(*words: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


def one_line(done: Result) -> str:
    """What a command that failed said: one error, and no traceback."""
    assert "Traceback" not in done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `bank`, `scans`, and the `config` and `data` folders that hold its key and map."""
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        for i in range(12):
            write_series(folder / "scans" / f"{i}", n=3, shape=(24, 24), seed=i, patient_id=f"p{i}", AccessionNumber=f"A{i}")
        (folder / "labels.csv").write_text("accession,nodule\n" + "".join(f"A{i},{i % 2}\n" for i in range(12)))
        run("init", folder / "bank")
        run("ingest", folder / "bank", folder / "scans", "--labels", folder / "labels.csv")
        run("embed", folder / "bank", "--encoder", "tiny")
        run("embed", folder / "bank", "--encoder", "intensity", "--window", "brain")
    return folder


@pytest.fixture
def moved(original: Path, tmp_path: Path) -> Path:
    """A copy on a machine of other folders (those of every test)."""
    shutil.copytree(original / "bank", tmp_path / "bank")
    return tmp_path / "bank"


def test_everything_but_voxels_and_ids_is_answered(moved: Path, tmp_path: Path) -> None:
    assert "12 volumes" in run("status", moved).stdout
    assert run("sql", moved, "SELECT count(*) AS n FROM labels WHERE value = 1", "--format", "csv").stdout.split() == ["n", "6"]
    quick = ("--finding", "nodule", "--shots", "1", "--repeats", "1", "--heads", "prototype")
    assert "prototype" in run("sweep", moved, *quick).stdout
    assert "nodule" in run("zeroshot", moved, "--finding", "nodule").output
    assert "12 scans" in run("search", moved, "nodule", "--png", tmp_path / "hits.png").stdout
    assert (tmp_path / "hits.png").stat().st_size > 1000
    run("report", moved, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert ">nodule</h2>" in page
    assert str(moved) not in page
    assert "sweep: nodule" in run("log", moved).stdout
    first = Bank.open(moved).log()[-2].snapshot  # of ingest: volumes, and nothing computed yet
    assert "12 volumes" in run("status", moved, "--at", first).stdout
    assert run("sql", moved, "SELECT count(*) FROM feature_sets", "--format", "csv", "--at", first).stdout.split()[1] == "0"
    assert run("status", moved, "--failures").stdout == "no failures\n"


def test_new_voxels_need_the_map_and_nothing_is_written(moved: Path, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Bank.open(moved).snapshot.id
    line = one_line(run("embed", moved, "--encoder", "intensity", "--window", "lung", code=1))
    assert f"voxels of 12 volumes are asked for, and the local map of this machine ({map_file(Bank.open(moved).card['bank'])})" in line
    assert "bring that file along from where they were ingested, or ingest the scans here with the bank's key" in line
    assert Bank.open(moved).snapshot.id == before
    assert "volumes had theirs already" in run("embed", moved, "--encoder", "intensity", "--window", "brain").stdout
    monkeypatch.setenv("XDG_DATA_HOME", str(original / "data"))  # the map is brought along
    assert "12 volumes encoded" in run("embed", moved, "--encoder", "intensity", "--window", "lung").stdout


def test_original_ids_need_the_key(moved: Path, original: Path, tmp_path: Path) -> None:
    key = default_key_file(Bank.open(moved).card["key"])
    (tmp_path / "l.csv").write_text("accession,mass\nA1,1\nA2,0\n")
    labels = ("ingest", moved, "--labels", tmp_path / "l.csv")
    for words in (labels, ("ingest", moved, original / "scans")):
        line = one_line(run(*words, code=1))
        assert line == f"error: no key at {key}; bring the file from where the bank was made, or name it with --key-file"
    (kept,) = (original / "config").rglob("*.key")
    assert "2 of 2 rows matched" in run(*labels, "--key-file", kept).stdout  # ids are in the bank: no map is needed
    (tmp_path / "paths.csv").write_text(f"path,mass\n{original}/scans/3,1\n")
    said = run("ingest", moved, "--labels", tmp_path / "paths.csv", "--key-file", kept, code=1)
    assert "line 2: the local map of this machine knows no path of the bank; bring it along" in said.stderr
    assert "12 were there already" in run("ingest", moved, original / "scans", "--key-file", kept).stdout
    assert "1 of 1 rows matched" in run("ingest", moved, "--labels", tmp_path / "paths.csv", "--key-file", kept).stdout
    assert "12 volumes encoded" in run("embed", moved, "--encoder", "intensity", "--window", "lung").stdout


def test_a_wrong_key_is_refused(moved: Path, original: Path, tmp_path: Path) -> None:
    run("init", tmp_path / "other", "--key-file", tmp_path / "other.key")
    line = one_line(run("ingest", moved, original / "scans", "--key-file", tmp_path / "other.key", code=2))
    assert f"{tmp_path / 'other.key'} holds key" in line
    assert "name the right file with --key-file" in line
    (tmp_path / "no.key").write_text("not a key")
    assert "holds no scanbank key" in one_line(run("ingest", moved, original / "scans", "--key-file", tmp_path / "no.key", code=2))


def test_a_key_does_not_lie_in_its_bank(tmp_path: Path) -> None:
    line = one_line(run("init", tmp_path / "bank", "--key-file", tmp_path / "bank" / "my.key", code=2))
    assert "would lie in the bank" in line
    assert not (tmp_path / "bank").exists()


def test_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_series(tmp_path / "scans", n=2)
        run("init", tmp_path / "bank")
        run("ingest", tmp_path / "bank", tmp_path / "scans")
        run("init", tmp_path / "other", "--key-file", tmp_path / "keys" / "deep" / "own.key")
    finally:
        os.umask(before)
    card = Bank.open(tmp_path / "bank").card
    for file in (default_key_file(card["key"]), map_file(card["bank"]), tmp_path / "keys" / "deep" / "own.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    map_file(card["bank"]).chmod(0o644)  # a copy made without care
    run("status", tmp_path / "bank", "--failures")
    assert stat.S_IMODE(map_file(card["bank"]).stat().st_mode) == 0o600


def test_a_key_that_others_may_read_is_warned_of_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(tmp_path / "scans", n=2)
    key = tmp_path / "own.key"
    run("init", tmp_path / "bank", "--key-file", key)
    run("ingest", tmp_path / "bank", tmp_path / "scans", "--key-file", key)
    assert caplog.messages == []
    key.chmod(0o640)
    assert "1 were there already" in run("ingest", tmp_path / "bank", tmp_path / "scans", "--key-file", key).stdout
    assert caplog.messages == [f"warning: key {key} may be read by others (mode 0640); run `chmod 600 {key}`"]
