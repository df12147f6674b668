"""Kills at random moments: what is committed stays, what is missing comes, nothing comes twice. Takes minutes: `--slow`."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.store import Bank
from scanbank.store.ingest import ingest

KILLS = 25


@pytest.mark.slow
def test_ingest_and_embed_survive_kills(tmp_path: Path) -> None:
    for i in range(60):
        write_series(tmp_path / "scans" / str(i), n=40, shape=(48, 48), patient_id=f"p{i}", series_uid=f"1.{i}", seed=i)
    bank = Bank.create(tmp_path / "bank", key_file=tmp_path / "key")
    whole = Bank.create(tmp_path / "whole", key_file=tmp_path / "key")
    ingest(whole, [tmp_path / "scans"])
    embed(whole, open_encoder("intensity"))
    rng = random.Random(0)
    for words in (
        ["ingest", str(bank.path), str(tmp_path / "scans"), "--key-file", str(tmp_path / "key")],
        ["embed", str(bank.path), "--encoder", "intensity"],
    ):
        for _ in range(KILLS):
            child = subprocess.Popen(
                [sys.executable, "-m", "scanbank.scripts.cli", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(rng.uniform(0.4, 2.0))
            child.kill()
            child.wait()
            opened = Bank.open(bank.path)
            assert opened.sql("SELECT count(*) AS n FROM volumes v SEMI JOIN slices s USING (volume)").to_pylist()[0]["n"] in (0, 60)
            for held in opened.feature_sets:
                assert len(np.unique(held.items())) == held.rows
        done = subprocess.run([sys.executable, "-m", "scanbank.scripts.cli", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    bank.refresh()
    query = 'SELECT v.volume, s."index", s.ordinal FROM slices s JOIN volumes v USING (volume) ORDER BY 1, 2'
    ours, theirs = (b.sql(query).column("ordinal").to_numpy() for b in (bank, whole))
    assert len(ours) == len(theirs) == 2400
    np.testing.assert_array_equal(bank.features("intensity/ctclip/slice").of(ours), whole.features("intensity/ctclip/slice").of(theirs))
