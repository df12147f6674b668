"""Which feature set a search takes, and what it says where none fits; the window that shows what a text names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder_zoo import docs_example
from scanbank.embed.encoder import Encoder
from scanbank.embed.registry import open_encoder
from scanbank.eval.search_sets import foreign_window, searchable
from scanbank.eval.window_words import picture_window, window_of
from scanbank.scripts.text_encoders import opener as opener_of_command
from scanbank.store import PRESETS, Bank, FeatureKey, ViewSpec, Window
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError
from search_banks import BRAIN, Fixed, catalog, f32, put
from siglip_folders import siglip_folder

LUNG, SUBDURAL, WIDE = (ViewSpec((PRESETS[name],)) for name in ("lung", "subdural", "ctclip"))


def fixed(name: str, *sides: str, scale: float | None = None) -> Fixed:
    encoder = Fixed(f32([1, 0]))
    encoder.spec = replace(encoder.spec, name=name, logit_scale=scale)
    encoder.offers = frozenset(sides)  # pyright: ignore[reportAttributeAccessIssue]
    return encoder


DUAL, MUTE = fixed("dual@1", "volume", "text", scale=10.0), fixed("mute", "volume")


def opener(*known: Encoder) -> Callable[[str], Encoder]:
    def open_one(name: str) -> Encoder:
        for encoder in known:
            if encoder.spec.name == name:
                return encoder
        raise EncoderError(f"{name} is not on this machine")

    return open_one


@pytest.fixture
def several(bank: Bank) -> Bank:
    """`mute` has all, `dual@1` two of three scans in lung and brain, one in subdural."""
    ordinals = catalog(bank, range(3))
    vectors = np.ones((3, 2), np.float32)
    put(bank, MUTE, "volume", vectors, ordinals)
    for view, count in ((LUNG, 2), (BRAIN, 2), (SUBDURAL, 1)):
        put(bank, DUAL, "volume", vectors[:count], ordinals[:count], view)
        put(bank, DUAL, "text", vectors[:1], ordinals[:1] + 100) if view is LUNG else None
    return bank


@pytest.mark.parametrize(
    ("query", "encoder", "window", "expected"),
    [
        ("lung nodule", "", "", "dual@1/brain/volume"),  # what it was made for goes before what shows the finding
        ("hemorrhage", "", "", "dual@1/brain/volume"),
        ("subdural", "", "", "dual@1/brain/volume"),  # the window fits, but fewer scans have vectors; brain is what it was made for
        ("hemorrhage", "dual", "", "dual@1/brain/volume"),
        ("hemorrhage", "dual@1", "lung", "dual@1/lung/volume"),
        ("hemorrhage", "", "-20..180", "dual@1/subdural/volume"),
        ("nothing that tells", "", "", "dual@1/brain/volume"),
    ],
)
def test_the_set_that_fits_is_found(several: Bank, query: str, encoder: str, window: str, expected: str) -> None:
    features, model = searchable(several, query, encoder=encoder, window=window, opened_by=opener(DUAL, MUTE))
    assert features.name == expected
    assert model is DUAL


def test_where_no_set_is_of_the_view_it_was_made_for_the_query_tells(bank: Bank) -> None:
    made_for_wide = fixed("dual@1", "volume", "text", scale=10.0)
    made_for_wide.view = WIDE
    ordinals = catalog(bank, range(2))
    for view in (LUNG, BRAIN):
        put(bank, made_for_wide, "volume", np.ones((2, 2), np.float32), ordinals, view)
    for query, expected in (("lung nodule", "dual@1/lung/volume"), ("hemorrhage", "dual@1/brain/volume")):
        features, model = searchable(bank, query, opened_by=opener(made_for_wide))
        assert features.name == expected
        assert "is not the one dual@1 was made for (ctclip)" in foreign_window(features.key.view, model)
    assert foreign_window(WIDE, made_for_wide) == ""


def test_what_fits_nothing_is_refused_with_what_there_is(several: Bank) -> None:
    known = opener(DUAL, MUTE)
    with pytest.raises(UsageError, match=r"encoder mute has no text side.*--encoder dual@1"):
        searchable(several, "x", encoder="mute", opened_by=known)
    with pytest.raises(UnknownNameError, match=r"did you mean 'dual@1'\? Choose one of: dual@1, mute"):
        searchable(several, "x", encoder="daul@1", opened_by=known)
    with pytest.raises(UsageError, match=r"no feature set has window 'bone'; there are: dual@1/brain/volume, dual@1/lung/volume"):
        searchable(several, "x", encoder="dual", window="bone", opened_by=known)
    with pytest.raises(UnknownNameError, match="did you mean 'bone'"):
        searchable(several, "x", window="bne", opened_by=known)
    with pytest.raises(UsageError, match="query is empty"):
        searchable(several, " ", opened_by=known)
    with pytest.raises(EncoderError, match="dual@1 is not on this machine"):
        searchable(several, "x", opened_by=opener(MUTE))


def test_a_bank_without_scans_or_vectors_says_what_to_do(bank: Bank) -> None:
    with pytest.raises(UsageError, match="holds no volumes"):
        searchable(bank, "x")
    ordinals = catalog(bank, [0])
    with pytest.raises(UsageError, match="no feature sets of scans; make one with"):
        searchable(bank, "x")
    put(bank, MUTE, "volume", np.ones((1, 2), np.float32), ordinals)
    with pytest.raises(UsageError, match=r"mute has no text side.*scanbank embed"):
        searchable(bank, "x", opened_by=opener(MUTE))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("left pleural effusion", "mediastinum"),
        ("Pulmonary nodule in the right upper lobe with effusion", "lung"),
        ("ground_glass_opacity", "lung"),
        ("acute subdural hematoma", "subdural"),
        ("Intraparenchymal hemorrhage, left frontal lobe", "brain"),
        ("depressed skull fracture", "bone"),
        ("cardiomegaly", "mediastinum"),
        ("an unremarkable scan", ""),
    ],
)
def test_words_choose_the_window(text: str, window: str) -> None:
    assert window_of(text) == window
    if window:
        assert picture_window(text, WIDE) == PRESETS[window]


def test_without_a_word_the_view_chooses() -> None:
    assert picture_window("normal", SUBDURAL) == PRESETS["subdural"]
    assert picture_window("normal", WIDE) == PRESETS["mediastinum"]
    assert picture_window("normal", ViewSpec()) == PRESETS["mediastinum"]
    assert picture_window("normal", ViewSpec((Window(1, 2), Window(3, 4)))) == Window(1, 2)


def test_imported_vectors_are_not_searched(several: Bank) -> None:
    ordinals = several.sql("SELECT ordinal FROM volumes ORDER BY ordinal").column(0).to_numpy()
    key = FeatureKey("volume", replace(DUAL.spec, weights="unknown"), ViewSpec.unknown())
    with several.commit("import") as commit:
        commit.append_features(key, np.ones((3, 2), np.float32), ordinals, declared=True)
    several.refresh()
    found, _ = searchable(several, "hemorrhage", opened_by=opener(DUAL, MUTE))
    assert found.name == "dual@1/brain/volume"  # though fewer scans have it


def test_code_that_a_bank_names_runs_only_by_the_users_word(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code_of_bank.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'sprung')!r}).touch()\n" + docs_example())
    monkeypatch.syspath_prepend(str(tmp_path))
    uri = "module:code_of_bank:open_encoder"
    maker = fixed(uri, "volume", "text", scale=10.0)
    put(bank, maker, "volume", np.ones((2, 2), np.float32), catalog(bank, range(2)))
    with pytest.raises(EncoderError, match=f"encoder '{uri}' is named inside the bank and was not opened, because it runs code"):
        searchable(bank, "effusion")
    assert not (tmp_path / "sprung").exists()
    for trusted in (opener_of_command("cpu", typed=uri), opener_of_command("cpu", trust_code=True)):
        assert searchable(bank, "effusion", opened_by=trusted)[1].spec.name == uri


def test_an_encoder_of_local_files_is_asked_for_by_its_path(bank: Bank, tmp_path: Path) -> None:
    folder = siglip_folder(tmp_path / "mine")
    model = open_encoder(f"siglip:{folder}", device="cpu")
    first = catalog(bank, range(1), slices=3)[0] + 1
    pixels = np.random.default_rng(0).random((3, 1, 32, 32), np.float32)
    put(bank, model, "slice", model.encode_slices(pixels).vector, first + np.arange(3), model.view)
    uri = f"siglip:{folder}"
    features, opened = searchable(bank, "lungs", encoder=uri, opened_by=opener_of_command("cpu", typed=uri))
    assert (features.key.encoder, opened.spec) == (model.spec, model.spec)
    assert str(tmp_path) not in features.name
