"""What is kept besides vectors: tokens of blocks, planes along depth, a part of the slices. From files to the bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed import open_encoder, slice_pixels, volume_voxels
from scanbank.embed.encoder import Encoder
from scanbank.embed.pipeline import Outputs, embed, keys_of
from scanbank.store import Bank, ViewSpec, parse_window
from scanbank.store.errors import EncoderError, ViewError
from scanbank.store.ingest import ingest
from scanbank.store.readers import load_volume
from scanbank.store.scan import Volume

BRAIN = ViewSpec((parse_window("brain"),))


@pytest.fixture(scope="module")
def vit() -> Encoder:
    return open_encoder("timm:test_vit+random0", device="cpu")


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=4 + 3 * i, shape=(20, 24), patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    return bank


def volumes(bank: Bank) -> list[tuple[dict, Volume]]:
    rows = bank.sql("SELECT * FROM volumes ORDER BY ordinal").to_pylist()
    located = [bank.local_map.locate(row["volume"]) for row in rows]
    return [(row, load_volume(place)) for row, place in zip(rows, located, strict=True) if place is not None]


def test_tokens_of_slices(scans: Bank, vit: Encoder) -> None:
    report = embed(scans, vit, outputs=Outputs(layers=(1, 3)), batch=5)
    name = f"{vit.spec.name}/{vit.view.label}"
    assert report.sets == {f"{name}/slice": 21, f"{name}/tokens/block1": 21, f"{name}/tokens/block3": 21}
    assert embed(scans, vit, outputs=Outputs(layers=(1, 3))).skipped == 3
    for layer in (1, 3):
        held = scans.features(f"{name}/tokens/block{layer}")
        assert held.grid == (10, 10)
        for row, volume in volumes(scans):
            expected = vit.encode_slices(slice_pixels(volume, vit.view, vit.spec.input_range), layers=[layer])
            found = held.rows_of(np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"]))
            assert expected.tokens is not None
            np.testing.assert_allclose(found.vector, expected.tokens[layer], atol=1e-5)
            assert found.grid == (10, 10)


def test_tokens_added_later_leave_the_vectors_alone(scans: Bank, vit: Encoder) -> None:
    embed(scans, vit)
    report = embed(scans, vit, outputs=Outputs(layers=(2,)))
    name = f"{vit.spec.name}/{vit.view.label}"
    assert report.sets == {f"{name}/slice": 0, f"{name}/tokens/block2": 21}


def test_resampled_planes_are_a_set_along_depth(scans: Bank, vit: Encoder) -> None:
    view = replace(vit.view, spacing_mm=(3.0, 1.0, 1.0))
    (key,) = keys_of(vit, [view])
    assert key.kind == "depth"
    assert embed(scans, vit, [view], batch=3).sets == {key.name: 3}
    held = scans.features(key.name)
    for row, volume in volumes(scans):
        voxels, z_mm = volume_voxels(volume, view, vit.spec.input_range)
        expected = vit.encode_slices(np.ascontiguousarray(voxels.transpose(1, 0, 2, 3))).vector
        found = held.rows_of(np.array([row["ordinal"]]))
        assert found.mask is not None
        assert found.z_mm is not None
        steps = found.mask[0]
        assert steps.sum() == len(expected)
        np.testing.assert_allclose(found.vector[0][steps], expected, atol=1e-5)
        np.testing.assert_allclose(found.z_mm[0][steps], z_mm, atol=1e-3)
    with pytest.raises(EncoderError, match="leave --spacing and --shape out"):
        keys_of(vit, [view], Outputs(layers=(1,)))


@pytest.mark.parametrize(("policy", "expected"), [("even:2", [(1, 3), (1, 5), (2, 7)]), ("every:5mm", None), ("middle:3", None)])
def test_a_part_of_the_slices(scans: Bank, policy: str, expected: list[tuple[int, ...]] | None) -> None:
    encoder, view = open_encoder("intensity"), replace(BRAIN, slices=policy)
    from scanbank.embed.views import wanted_slices

    report = embed(scans, encoder, [view])
    held = scans.features(f"intensity/brain,{policy}/slice")
    ordinals: list[int] = []
    for (row, volume), listed in zip(volumes(scans), expected or [None] * 3, strict=True):
        chosen = wanted_slices(view, volume)
        assert listed is None or tuple(chosen) == listed
        mine = row["slice_ordinal"] + chosen
        ordinals += mine.tolist()
        pixels = slice_pixels(volume, BRAIN, encoder.spec.input_range, chosen)
        np.testing.assert_array_equal(held.of(mine), encoder.encode_slices(pixels).vector)
    assert sorted(held.items()) == ordinals
    assert report.sets == {held.name: len(ordinals)}
    assert embed(scans, encoder, [view]).skipped == 3


def test_scans_whose_slices_do_not_lie_above_each_other_are_not_embedded_whole_instead(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "coronal", n=4, shape=(20, 24), orientation=(1, 0, 0, 0, 0, -1))
    ingest(bank, [tmp_path])
    report = embed(bank, open_encoder("intensity"), [replace(BRAIN, slices="every:5mm")])
    assert (report.volumes, report.failed, list(report.sets.values())) == (0, 1, [0])
    assert "needs slices above each other" in bank.sql("SELECT reason FROM failures").column(0)[0].as_py()


def test_a_part_of_the_slices_is_not_asked_of_an_encoder_of_volumes(scans: Bank) -> None:
    tiny = open_encoder("tiny", device="cpu")
    with pytest.raises(EncoderError, match="takes whole scans, and the view takes even:4"):
        embed(scans, tiny, [replace(tiny.view.fitted, slices="even:4")])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slices": "even:2", "spacing_mm": (5.0, 1.0, 1.0)}, "leave one of them out"),
        ({"interpolation": "cubic", "spacing_mm": (5.0, 1.0, 1.0)}, "use linear or nearest"),
        ({"orientation": "LLL"}, "one letter of each pair"),
        ({"mask": "lungs"}, "'lungs' is unknown"),
        ({"mask": "body:crop", "align": "abc"}, "aligned to a reference and cropped to a mask"),
    ],
)
def test_a_view_that_no_scan_could_give_is_refused_and_no_scan_is_noted_as_failed(scans: Bank, change: dict, message: str) -> None:
    with pytest.raises(ViewError, match=message):
        embed(scans, open_encoder("intensity"), [replace(BRAIN, **change)])
    assert not bank_failures(scans)


def bank_failures(bank: Bank) -> list[dict]:
    return bank.sql("SELECT * FROM failures").to_pylist()


def test_slices_of_an_encoder_of_volumes_alone_are_refused(scans: Bank) -> None:
    with pytest.raises(EncoderError, match="takes volumes alone"):
        embed(scans, open_encoder("tiny", device="cpu"), outputs=Outputs(slices=True))


def test_shards_are_parts_that_do_not_overlap(scans: Bank) -> None:
    encoder = open_encoder("intensity")
    found = [embed(scans, encoder, [BRAIN], shard=(i, 3)).volumes for i in range(3)]
    assert sum(found) == 3
    assert embed(scans, encoder, [BRAIN]).skipped == 3
