from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store import vocabulary as v


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIEMENS", "siemens"),
        ("Siemens Healthineers", "siemens"),
        ("GE MEDICAL SYSTEMS", "ge"),
        ("G.E. Medical Systems", "ge"),
        ("Philips Medical Systems", "philips"),
        ("TOSHIBA", "toshiba"),
        ("Canon Medical Systems", "canon"),
        ("Germany's Best", "other"),
        ("Jane Doe", "other"),
        ("", ""),
        (None, ""),
    ],
)
def test_manufacturer(text: str | None, expected: str) -> None:
    assert v.manufacturer(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SOMATOM Definition AS+", "somatom-definition"),
        ("Biograph40_mCT 4R", "biograph"),
        ("LightSpeed VCT", "lightspeed"),
        ("Ingenuity CT", "ingenuity"),
        ("Sensation 64", "sensation"),
        ("product of Jane", "other"),
        ("", ""),
    ],
)
def test_model_family(text: str, expected: str) -> None:
    assert v.model_family(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B20f", "soft"),
        ("B30f", "medium"),
        ("Br38f\\3", "medium"),
        ("H31s", "medium"),
        ("B50f", "sharp"),
        ("B70f", "bone"),
        ("Hr64", "bone"),
        ("SOFT", "soft"),
        ("STANDARD", "medium"),
        ("LUNG", "sharp"),
        ("BONEPLUS", "bone"),
        ("FC08", "soft"),
        ("FC30", "bone"),
        ("FC51", "sharp"),
        ("UB", "medium"),
        ("Jane Doe", "other"),
        ("", ""),
    ],
)
def test_kernel(text: str, expected: str) -> None:
    assert v.kernel(text) == expected


def test_kernels_are_ranked_from_soft_to_bone_and_the_unknown_loses_to_known_soft_ones() -> None:
    assert sorted(["bone", "other", "soft", "sharp", "medium"], key=v.kernel_sharpness) == ["soft", "medium", "other", "sharp", "bone"]


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ("045Y", "40-49"),
        ("007M", "0-17"),
        ("003W", "0-17"),
        ("017Y", "0-17"),
        ("018Y", "18-29"),
        (29, "18-29"),
        (30.0, "30-39"),
        ("79", "70-79"),
        ("080Y", "80+"),
        ("40-49", "40-49"),
        ("500", "other"),
        ("Jane", "other"),
        ("", ""),
        (None, ""),
    ],
)
def test_age_band(age: str | float | None, expected: str) -> None:
    assert v.age_band(age) == expected


def test_sex_contrast_kvp_and_body_part() -> None:
    assert [v.sex(t) for t in ("M", "female", "O", "Jane", "")] == ["male", "female", "other", "other", ""]
    assert [v.contrast(t) for t in ("yes", "0", "Jane", "")] == ["yes", "no", "other", ""]
    assert [v.contrast_agent(t) for t in ("OMNIPAQUE 350", "none", "")] == ["yes", "no", ""]
    assert [v.kvp(t) for t in ("120", "119.6", 100, "9999", "Jane", "")] == ["120", "120", "100", "other", "other", ""]
    assert [v.body_part(t) for t in ("CHEST", "Chest Abdomen Pelvis", "Jane", "")] == ["chest", "chestabdomenpelvis", "other", ""]


def test_allow_goes_by_the_name_of_a_column() -> None:
    assert v.allow("Patient Sex", "f") == "female"
    assert v.allow("vendor", "GE Healthcare") == "ge"
    assert v.allow("age", "61") == "60-69"
    assert v.allow("site", "Springfield General") is None


@given(st.text(max_size=40), st.sampled_from(["sex", "age", "manufacturer", "model", "kernel", "body_part", "contrast", "kvp"]))
def test_nothing_but_listed_values_comes_out(text: str, name: str) -> None:
    value = v.allow(name, text)
    assert value is not None
    assert len(value) <= 20
    assert value.isascii()
    assert v.allow(name, text + " zqxjkv") in ("", v.OTHER, value)
