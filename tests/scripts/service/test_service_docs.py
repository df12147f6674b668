"""The commands of docs/service.md do what they are there for."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.pipeline import embed
from scanbank.embed.registry import open_encoder
from scanbank.scripts.service.app import application
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.service import Service
from scanbank.store import Bank
from scanbank.store.ingest import ingest
from service_servers import Gated, png_of, serving, url_of, zip_of

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "service.md").read_text("utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("curl ")]


def test_the_curl_commands_work(bank: Bank, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    encoders = [open_encoder("tiny", device="cpu"), open_encoder("intensity")]
    paths = write_series(tmp_path / "scans", n=12, shape=(40, 48), step=5.0)
    ingest(bank, [tmp_path / "scans"])
    embed(bank, encoders[0])
    hu = np.random.default_rng(0).integers(-1000, 1000, (24, 24, 8)).astype(np.int16)
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(nib.Nifti1Image(hu, np.diag([-3.0, -3.0, 5.0, 1.0])).to_bytes()))
    (tmp_path / "series.zip").write_bytes(zip_of([(path.name, path.read_bytes()) for path in paths]))
    for k in (1, 2):
        shutil.copy(paths[k], tmp_path / f"000{k}.dcm")
        (tmp_path / f"slice{k}.png").write_bytes(png_of(np.arange(256).reshape(16, 16) // k))
    token = "a-token-of-enough-characters"
    (tmp_path / "token").write_text(token)
    answers: dict[str, str] = {}
    with serving(encoders, bank=str(bank.path)) as server, serving(encoders, token=token) as locked:
        for command in COMMANDS:
            url = url_of(locked if "$(cat token)" in command else server)
            done = subprocess.run(
                ["sh", "-c", command.replace("http://127.0.0.1:8000", url)], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            answers[command] = done.stdout
    found = [json.loads(answer) for answer in answers.values() if answer.startswith("{")]
    assert len(found) == len(COMMANDS) - 2  # all but the metrics and the raw numbers, which go to a file
    assert np.fromfile(tmp_path / "vectors.f32", "<f4").reshape(2, -1).shape == (2, 128)
    assert [result["window"] for result in found[2]["results"]] == ["lung", "mediastinum"]
    assert found[3]["slices"] == 12
    assert found[6]["searched"] == 1


def test_routes_and_limits_are_those_of_the_code() -> None:
    limits = Limits()
    assert limits.max_bytes == 1 << 30
    for told in (limits.max_items, limits.queue, f"{limits.timeout_s:g} s", f"{limits.max_files:,} files", f"{limits.max_ratio} times"):
        assert str(told) in PAGE
    routes = set(re.findall(r"`(?:GET|POST) (/[^`]*)`", PAGE))
    sides = {"/v1/encode/text", "/v1/encode/slice", "/v1/encode/volume"}
    assert routes - {"/v1/encode/SIDE"} | sides == set(application(Service([Gated()])).openapi()["paths"])


def test_every_parameter_is_told() -> None:
    paths = application(Service([Gated()])).openapi()["paths"].values()
    asked = [parameter for methods in paths for route in methods.values() for parameter in route.get("parameters", ())]
    names = {parameter["name"] for parameter in asked if parameter["in"] == "query"}
    assert len(names) == 5
    assert {name for name in names if f"?{name}=" not in PAGE} == set()
    assert "`notes`" in PAGE
