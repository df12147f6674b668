"""Every benchmark runs at tiny sizes and reports numbers; how fast the machine is today is not tested."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from scanbank.scripts.bench import NAMES, main, workplace
from scanbank.scripts.bench_figures import COLUMNS, Figure, Sizes, rate, rounds
from scanbank.scripts.bench_input import Series, elements_of
from scanbank.scripts.bench_jobs import BENCHES

TINY = Sizes(
    files=6,
    slices=3,
    ingest_size=16,
    decode_size=16,
    decode_slices=3,
    scans=(1, 2),
    memory_sizes=(16,),
    memory_slices=3,
    vectors=30,
    dim=8,
    pt_files=20,
    many=40,
    run=7,
    appended_to=(10, 40),
    volumes=(5, 4),
    sweeps=(3, 4),
    commits=3,
    vit="timm:test_vit+random0",
    vit_scans=(1, 3),
    light_scans=(2, 3),
    loop_scans=(1, 3),
    embed_scans=(1, 2),
    memory_encoders=("intensity",),
    slow_repeats=1,
    clients=2,
    serve_encoder="tiny",
    serve_device="cpu",
    serve_seconds=0.2,
    soak_seconds=1.0,
    repeats=1,
)


@pytest.mark.parametrize("name", NAMES)
def test_reports_numbers(name: str) -> None:
    with workplace() as folder:
        figures = BENCHES[name](folder, TINY)
    assert figures
    for figure in figures:
        assert figure.ours > 0
        assert figure.peer is not None
        assert figure.peer > 0
        assert all(value is None or math.isfinite(value) for value in (figure.ratio, figure.lowest, figure.highest))
        assert (figure.met is None) == (not figure.wanted)
        assert len(figure.cells()) == len(COLUMNS)
    assert not folder.exists()


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
