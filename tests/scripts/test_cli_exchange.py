"""`scanbank import` and `scanbank export` as a user meets them: one line for each mistake, and the bank as it was."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from eval_banks import SLICE, toy_bank
from exchange_files import vectors, write
from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def take(bank: Bank, source: Path, *words: object, kind: str = "volume", key: str = "volume") -> Result:
    return run("import", bank.path, source, "--encoder", "net", "--kind", kind, "--key", key, *words)


def refused(bank: Bank, code: int, pattern: str, done: Result) -> None:
    """It ended with `code` and one line, and the bank has no new snapshot."""
    assert done.exit_code == code, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert re.search(pattern, errors[0]), errors[0]
    assert "Traceback" not in done.output
    before = bank.snapshot.id
    bank.refresh()
    assert bank.snapshot.id == before


@pytest.fixture
def toys(bank: Bank) -> Bank:
    toy_bank(bank, 6)
    return bank


def test_import_tells_what_it_did(toys: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(3), volume=["v0", "v1", "x"])
    done = take(toys, path, "--skip-unknown")
    assert done.exit_code == 0, done.output
    assert "2 vectors of width 4 into net/unknown/volume (float32, declared)" in done.stdout
    assert "1 of 3 left out: the bank does not know their keys" in done.stderr
    again = json.loads(take(toys, path, "--skip-unknown", "--json").stdout)
    assert {k: again[k] for k in ("features", "rows", "added", "present", "unknown", "created")} == {
        "features": "net/unknown/volume", "rows": 3, "added": 0, "present": 2, "unknown": 1, "created": 0,
    }  # fmt: skip


def test_view_layer_version_and_precision_are_said(toys: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(1), volume=["v0"])
    words = ("--view", "40/80", "--layer", "block9", "--precision", "float16")
    assert run("import", toys.path, path, "--encoder", "net@3", "--kind", "volume", "--key", "volume", *words).exit_code == 0
    toys.refresh()
    held = toys.features("net@3/brain/volume/block9")
    assert (held.key.encoder.version, held.dtype, held.declared, held.key.encoder.weights) == ("3", "float16", True, "unknown")
    assert "net@3/brain/volume/block9" in run("status", toys.path).stdout


def test_a_folder_of_pt_files(toys: Bank, tmp_path: Path) -> None:
    for place in range(2):
        torch.save([torch.from_numpy(vectors(2)[place])], tmp_path / f"v{place}.pt")
    assert take(toys, tmp_path).exit_code == 0
    toys.refresh()
    np.testing.assert_array_equal(toys.features("net/unknown/volume").vectors(), vectors(2))


class Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_pt_file_is_not_run(toys: Bank, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    torch.save(Runs(tmp_path / "ran"), tmp_path / "out" / "v0.pt")
    refused(toys, 2, "holds more than tensors", take(toys, tmp_path / "out"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (("--encoder", ""), "expected a name such as medsiglip"),
        (("--encoder", 'a"b'), "without quotes and commas"),
        (("--key", "accesion"), "key 'accesion' is unknown; did you mean 'accession'"),
        (("--key", "snippet"), "key 'snippet' cannot name vectors of kind 'volume'"),
        (("--view", "brian"), "window 'brian' is unknown; did you mean 'brain'"),
        (("--key-column", "nobody"), "column of --key-column 'nobody' is unknown"),
        (("--create-items",), "--create-items makes scans of keys path"),
    ],
)
def test_misuse(toys: Bank, tmp_path: Path, words: tuple[str, ...], pattern: str) -> None:
    path = write(tmp_path / "v.npz", vectors(1), volume=["unknown"])
    refused(toys, 2, pattern, take(toys, path, *words))


def test_files_that_cannot_be_taken(toys: Bank, tmp_path: Path) -> None:
    refused(toys, 2, "does not exist; expected .npz", take(toys, tmp_path / "none.npz"))
    (tmp_path / "v.npz").write_bytes(b"PK\x03\x04 and no more")
    refused(toys, 2, "cannot be read as npz", take(toys, tmp_path / "v.npz"))
    X = vectors(2)
    X[0, 0] = np.nan
    refused(toys, 2, "1 of 2 vectors hold values", take(toys, write(tmp_path / "w.npz", X, volume=["v0", "v1"])))
    refused(toys, 2, "is not a bank", run("import", tmp_path, tmp_path / "w.npz", "--encoder", "n", "--kind", "slice", "--key", "slice"))


def test_export_tells_what_it_wrote(toys: Bank, tmp_path: Path) -> None:
    done = run("export", toys.path, SLICE.name, "-o", tmp_path / "v.h5")
    assert done.exit_code == 0, done.output
    assert f"18 vectors of {SLICE.name} in {tmp_path / 'v.h5'}" in done.stdout
    told = json.loads(run("export", toys.path, SLICE.digest[:8], "-o", tmp_path / "v.zarr", "--json").stdout)
    assert told == {"features": SLICE.name, "path": str(tmp_path / "v.zarr"), "rows": 18, "left_out": 0}
    first = toys.log()[-1].snapshot
    refused(
        toys, 2, "feature set 'flat/brain/slice' is unknown", run("export", toys.path, SLICE.name, "-o", tmp_path / "w.h5", "--at", first)
    )


def test_sets_of_one_name_are_told_apart(toys: Bank, tmp_path: Path) -> None:
    for precision in ("float16", "float32"):
        assert take(toys, write(tmp_path / "v.npz", vectors(1), volume=["v0"]), "--precision", precision).exit_code == 0
    toys.refresh()
    half = next(s for s in toys.feature_sets if s.dtype == "float16" and s.declared)
    done = run("export", toys.path, f"net/unknown/volume@{half.digest[:8]}", "-o", tmp_path / "w.npz")
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "w.npz") as file:
        assert file["vector"].dtype == np.float16


def test_places_where_nothing_is_written(toys: Bank, tmp_path: Path) -> None:
    refused(toys, 2, "lies in the bank", run("export", toys.path, SLICE.name, "-o", toys.path / "v.npz"))
    refused(toys, 2, "lies in the bank", run("export", toys.path, SLICE.name, "-o", toys.path / "artifacts.zarr"))
    refused(toys, 2, "expected a name that ends in .npz or .h5", run("export", toys.path, SLICE.name, "-o", tmp_path / "v.csv"))
    refused(toys, 2, "its folder does not exist", run("export", toys.path, SLICE.name, "-o", tmp_path / "no" / "v.npz"))
    (tmp_path / "v.zarr").mkdir()
    refused(toys, 2, "exists already", run("export", toys.path, SLICE.name, "-o", tmp_path / "v.zarr"))
    refused(toys, 2, "did you mean 'flat/brain/slice'", run("export", toys.path, "flat/brian/slice", "-o", tmp_path / "v.npz"))
