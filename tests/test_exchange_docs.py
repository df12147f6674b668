"""docs/exchange.md is run from top to bottom: its Python writes the files that its commands import."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dicom_files import write_series
from exchange_files import vectors
from scanbank.scripts.cli import app
from scanbank.store import Bank

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "exchange.md").read_text("utf-8")


def test_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    n = 48
    (tmp_path / "images").mkdir()
    for i in range(n):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (8, 8), dtype=np.uint8)).save(tmp_path / "images" / f"{i}.png")
    (tmp_path / "labels.csv").write_text("path,tumor\n" + "".join(f"images/{i}.png,{i % 2}\n" for i in range(n)))
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=3, patient_id=f"p{i}", series_uid=f"1.{i}", seed=i, AccessionNumber=f"A{i}")
    X = vectors(n, 8) + 3 * (np.arange(n) % 2)[:, None].astype(np.float32)
    given = {"paths": [f"images/{i}.png" for i in range(n)], "X": X}
    names: dict[str, Any] = given | {"accessions": ["A0", "A1", "A2"], "series": ["1.0", "1.1", "1.2"], "V": vectors(3, 16)}
    ran: list[str] = []
    for language, code in re.findall(r"^```(python|bash)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(code, "exchange.md", "exec"), names)
            continue
        for command in code.splitlines():
            done = CliRunner().invoke(app, shlex.split(command)[1:])
            assert done.exit_code == 0, f"{command}\n{done.output}"
            ran.append(command.split()[1])
            if command.startswith("scanbank sweep"):
                assert "mobilenet_v1/unknown/slice" in done.stdout
    assert ran.count("import") == 8
    assert ran.count("export") == 2
    sets = {s.name: s.rows for s in Bank.open("bank").feature_sets}
    assert sets == {
        "mobilenet_v1/unknown/slice": n, "merlin@1/unknown/volume": 3, "ctclip/ctclip/volume": 3, "dinov2/as-is/slice": n,
        "eva_vit/unknown/slice": n, "pillar0/unknown/volume": 3, "copy/unknown/slice": n,
    }  # fmt: skip
    assert all(s.declared for s in Bank.open("bank").feature_sets)
    np.testing.assert_array_equal(names["vectors"], X)
    np.testing.assert_array_equal(names["plain"], X)
