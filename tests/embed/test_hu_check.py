"""Whether voxels are HU: bodies made by hand, as scanners and people deliver them, and real scans where they are present."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.embed.hu_check import examine
from scanbank.store.progress import Silent
from scanbank.store.readers import dicom_pixels, nifti
from scanbank.store.readers.scans import Images, find_scans


def body(seed=0, noise=15.0, lung=True, shape=(6, 96, 96)) -> np.ndarray:
    """A trunk in air, HU as float: fat around muscle, lungs and a spine in it, borders blurred as a scanner blurs them."""
    rng = np.random.default_rng(seed)
    _, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    hu = np.full(shape, -1000.0)
    for centre, radius, value in (
        ((0, 0), 0.8, -100),
        ((0, 0), 0.7, 45),
        ((0, 0.45), 0.15, 700),
        *((((-0.32, -0.1), 0.25, -820), ((0.32, -0.1), 0.25, -820)) if lung else ()),
    ):
        hu[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = value
    for axis in (1, 2):
        hu = (np.roll(hu, 1, axis) + 2 * hu + np.roll(hu, -1, axis)) / 4
    return hu + rng.normal(0, noise, shape)


def as_stored(hu: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def eight_bits(hu: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(np.clip((hu - low) / (high - low), 0, 1) * 255).astype(np.int16)


BODIES = [(lung, noise) for lung in (True, False) for noise in (2.0, 15.0, 60.0)]


@pytest.mark.parametrize(("lung", "noise"), BODIES)
@pytest.mark.parametrize("intercept", [1024, 1000])
def test_never_rescaled_is_told_with_its_peaks(lung, noise, intercept):
    verdict = examine(np.maximum(as_stored(body(lung=lung, noise=noise)) + intercept, 0).astype(np.int16))
    assert (verdict.judgement, verdict.reason) == ("wrong", "it was never rescaled to HU")
    air, tissue = (int(part.split(",")[0].split(" ")[-1]) for part in verdict.numbers.split(";"))
    assert abs(air - (intercept - 1000)) < 40
    assert abs(tissue - (45 + intercept)) < 40


@pytest.mark.parametrize(("lung", "noise"), BODIES)
@pytest.mark.parametrize("intercept", [-1024, -1000])
def test_rescaled_twice_is_told_with_its_peaks(lung, noise, intercept):
    verdict = examine((as_stored(body(lung=lung, noise=noise)) + intercept).astype(np.float32))
    assert (verdict.judgement, verdict.reason) == ("wrong", "it was rescaled to HU twice")
    assert "expected -1000; soft tissue peaks at -9" in verdict.numbers


def test_padding_beside_stored_values_hides_nothing():
    stored = as_stored(body()) + 1024
    stored[:, :20] = -2000
    assert examine(stored.astype(np.int16)).reason == "it was never rescaled to HU"
    assert examine((as_stored(body()) + 8192).astype(np.float32)).reason == "it holds something else than HU"


@pytest.mark.parametrize("window", [(0, 80), (-160, 240)])
def test_eight_bit_pictures_are_told(window):
    verdict = examine(eight_bits(body(), *window))
    assert (verdict.judgement, verdict.reason) == ("wrong", "it should hold HU and holds 8-bit grey values")
    assert "(values from 0 to 255)" in verdict.numbers


@pytest.mark.parametrize("intercept", [-1000, -1024])
def test_pictures_that_kept_the_intercept_of_hu_are_told(intercept):
    verdict = examine((eight_bits(body(), -160, 240) + intercept).astype(np.int16))
    assert (verdict.judgement, verdict.reason) == ("wrong", "it should hold HU and holds 8-bit grey values")
    assert f"whole numbers of {intercept}..{intercept + 255}" in verdict.numbers


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_what_was_made_for_a_network_is_told(low, high):
    given = np.clip((body() + 1000) / 2000, 0, 1) * (high - low) + low
    verdict = examine(given.astype(np.float32))
    assert (verdict.judgement, verdict.reason) == ("wrong", "it should hold HU and holds values of a network's input range")


@pytest.mark.parametrize("padding", [None, -32768])
def test_values_of_another_scale_are_told(padding):
    given = body() * 10
    if padding is not None:
        given[:, :20] = padding
    assert examine(given.astype(np.float32)).reason == "it holds something else than HU"


def test_what_may_be_real_is_flagged_and_not_refused():
    # nothing is over 2000 HU, so a wide window leaves the upper end empty
    assert examine(eight_bits(body(), -800, 2000)).judgement == "suspicious"
    assert examine(eight_bits(body(), -1000, 1000)).judgement == "suspicious"
    # brain cut to 0..255 HU
    rng = np.random.default_rng(0)
    brain = np.where(rng.random((4, 64, 64)) < 0.5, rng.normal(35, 10, (4, 64, 64)), 0)
    brain[0, :8] = 900
    assert examine(np.clip(np.rint(brain), 0, 255).astype(np.int16)).judgement == "suspicious"
    # a crop within the body, never rescaled: no air, and bone could look so
    crop = (as_stored(body(lung=False))[:, 30:55, 36:60] + 1024).astype(np.int16)
    assert examine(crop).reason == "it may never have been rescaled to HU"


def _round_field(hu):
    y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in hu.shape[1:]], indexing="ij")
    return np.where(x**2 + y**2 < 1, hu, -2048)


REAL = {
    "whole": lambda hu: hu,
    "one slice": lambda hu: hu[2:3],
    "tight crop": lambda hu: hu[:, 30:60, 40:60],
    "lung only": lambda hu: np.where((hu < -600) & (hu > -950), hu, -1024),
    "lung only in zeros": lambda hu: np.where((hu < -600) & (hu > -950), hu, 0),
    "soft tissue in zeros": lambda hu: np.where((hu > 0) & (hu < 100), hu, 0),
    "soft tissue in padding": lambda hu: np.where((hu > 0) & (hu < 100), hu, -3024),
    "bone only": lambda hu: np.where(hu > 200, hu, -1024),
    "bone only in zeros": lambda hu: np.where(hu > 200, hu, 0),
    "a field of view in padding": _round_field,
    "a field of view in deep padding": lambda hu: np.where(_round_field(hu) == -2048, -32768, hu),
    "contrast medium": lambda hu: np.where((hu > 30) & (hu < 60), hu + 250, hu),
    "metal": lambda hu: np.where(np.random.default_rng(1).random(hu.shape) < 0.05, 3071, hu),
    "much metal, extended range": lambda hu: np.where(np.random.default_rng(1).random(hu.shape) < 0.1, 20000, hu),
    "clipped": lambda hu: np.clip(hu, -1000, 1000),
    "brain window in HU": lambda hu: np.clip(hu, 0, 80),
    "water": lambda hu: np.where(hu > -500, np.random.default_rng(1).normal(0, 8, hu.shape), hu),
    "water without air": lambda hu: np.random.default_rng(1).normal(0, 8, hu.shape),
    "air": lambda hu: np.random.default_rng(1).normal(-1000, 8, hu.shape),
    "padding and air": lambda hu: _round_field(np.random.default_rng(1).normal(-1000, 8, hu.shape)),
    "a small thing in much air and padding": lambda hu: np.pad(_round_field(hu), ((0, 0), (300, 300), (300, 300)), constant_values=-2048),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("noise", [2.0, 40.0])
def test_real_hu_pass_however_cut_and_masked(name, noise):
    hu = np.rint(REAL[name](body(noise=noise)))
    assert examine(hu.astype(np.float32)).judgement == "ok"


@given(st.integers(0, 2**32 - 1), st.integers(-1024, 3000), st.integers(1, 4000), st.tuples(*[st.integers(1, 9)] * 3))
def test_it_says_something_of_anything(seed, low, width, shape):
    voxels = np.random.default_rng(seed).integers(low, low + width, shape).astype(np.int16)
    assert examine(voxels).judgement in ("ok", "suspicious", "wrong")


def test_a_sample_of_a_large_scan_sees_what_all_of_it_shows():
    whole = np.tile(as_stored(body(shape=(6, 128, 128))) + 1024, (20, 4, 4)).astype(np.int16)
    assert str(examine(whole[:, ::-1])) == str(examine(np.ascontiguousarray(whole[:, ::-1])))
    assert examine(whole).reason == "it was never rescaled to HU"


def test_real_scans_pass_and_are_told_when_shifted(shared_data: Path):
    roots = [shared_data / name for name in ("dcm_qa_ct", "totalseg", "wado_testimages")]
    scans = find_scans(roots, Images(), 1, Silent()).scans
    assert len(scans) == 13
    for scan in scans:
        voxels = (nifti if scan.kind == "nifti" else dicom_pixels).load(scan.sources).voxels
        assert examine(voxels).judgement == "ok"
        assert examine(np.maximum(voxels.astype(np.float32) + 1024, 0)).reason == "it was never rescaled to HU"
        assert examine(voxels.astype(np.float32) - 1024).reason == "it was rescaled to HU twice"
