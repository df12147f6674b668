"""Every benchmark runs at tiny sizes and reports numbers; how fast the machine is today is not tested."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from scanbank.scripts.bench import NAMES, main
from scanbank.scripts.bench_figures import Figure, rate, rounds
from scanbank.scripts.bench_input import Series, elements_of
from tiny_benches import check_numbers

LONGEST = ("ingest", "memory", "store", "serve", "status", "heads", "embed-light", "heads-full", "retrieval", "adapt")
PARTS = ("embed-light", "heads-full")  # of the longest


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LONGEST else ())
        for name in (*NAMES, *PARTS)
        if name != "embed"  # which has a file of its own
    ],
)
def test_reports_numbers(name: str) -> None:
    check_numbers(name)


def test_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["help", "--json", "--repeats", "1"])
    told = json.loads(capsys.readouterr().out)
    assert [figure["unit"] for figure in told["figures"]] == ["s"]
    assert code == (0 if told["figures"][0]["met"] else 1)


def test_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "'speed' is unknown; choose of help, status" in capsys.readouterr().err


def test_ratio_is_the_median_of_rounds() -> None:
    figure = rate("x", 100, "files/s", [1.0, 2.0, 1.0], [3.0, 2.0, 2.0], "loop", 2.0)
    assert figure == Figure("x", 100.0, "files/s", 50.0, "loop", 2.0, 1.0, 3.0, "ratio >= 2", True)


def test_peers_run_in_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    def job(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert rounds({"a": lambda: job("a"), "b": lambda: job("b")}, 2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert order == ["a", "b"] * 3


def test_input_is_dicom_as_scanners_write_it(tmp_path: Path) -> None:
    paths = Series(2, 16).write(tmp_path, 2)
    read = [dcmread(path) for path in paths]
    assert len({data.SOPInstanceUID for data in read}) == 4
    assert [data.SeriesInstanceUID for data in read] == [read[0].SeriesInstanceUID] * 2 + [read[2].SeriesInstanceUID] * 2
    assert [data.ImagePositionPatient[2] for data in read] == [-100, -99, -100, -99]
    pixels = [data.pixel_array for data in read]
    assert np.array_equal(pixels[0].ravel()[:-1], pixels[2].ravel()[:-1])
    assert [int(image[-1, -1]) for image in pixels] == [0, 0, 1, 1]
    every, private, size = elements_of(paths[0])
    assert 100 <= every <= 200
    assert private >= 20
    assert 2_000 < size < 20_000
