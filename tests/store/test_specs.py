from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, Window, parse_window
from scanbank.store.digests import keyed

SPEC = EncoderSpec("intensity", "1", 8)
VIEW = ViewSpec((Window(0, 80),))


def test_digest_goes_by_number_not_by_preset() -> None:
    assert ViewSpec((parse_window("blood"),)).digest == ViewSpec((parse_window("40/80"),)).digest
    assert ViewSpec((Window(0, 80),)).digest == ViewSpec((Window(0.0, 80.0),)).digest


def test_everything_that_changes_a_vector_changes_the_key() -> None:
    keys = [
        FeatureKey("slice", SPEC, VIEW),
        FeatureKey("volume", SPEC, VIEW),
        FeatureKey("slice", SPEC, VIEW, "12"),
        FeatureKey("slice", EncoderSpec("intensity", "2", 8), VIEW),
        FeatureKey("slice", EncoderSpec("intensity", "1", 8, weights="ab"), VIEW),
        FeatureKey("slice", EncoderSpec("intensity", "1", 8, input_range=(-1, 1)), VIEW),
        FeatureKey("slice", SPEC, ViewSpec((Window(0, 81),))),
        FeatureKey("slice", SPEC, ViewSpec((Window(0, 80),), size=(64, 64))),
        FeatureKey("slice", SPEC, ViewSpec((Window(0, 80),), spacing_mm=(1, 1, 1))),
        FeatureKey("slice", SPEC, ViewSpec()),
    ]
    assert len({key.digest for key in keys}) == len(keys)


def test_other_windows_are_clipped_first_where_none_of_them_reaches_beyond() -> None:
    view = ViewSpec((Window(-1000, 1000),), clip=(-1000, 1000))
    assert view.with_windows((Window(0, 80), Window(-600, 300))) == ViewSpec((Window(0, 80), Window(-600, 300)), clip=(-1000, 1000))
    assert view.with_windows((Window(0, 80), Window(-800, 2000))) == ViewSpec((Window(0, 80), Window(-800, 2000)))
    assert ViewSpec().with_windows((Window(0, 80),)) == ViewSpec((Window(0, 80),))


def test_views_of_imported_vectors() -> None:
    unknown, brain = ViewSpec.unknown(), ViewSpec.declared((Window(0, 80),))
    assert (unknown.label, unknown.window_label, brain.label) == ("unknown", "unknown", "brain")
    assert FeatureKey("slice", SPEC, unknown).name == "intensity/unknown/slice"
    assert len({view.digest for view in (unknown, brain, VIEW, ViewSpec(), ViewSpec.declared(()))}) == 5
    assert ViewSpec.from_dict(json.loads(json.dumps(unknown.to_dict()))) == unknown
    # an unknown view is not one without windows
    assert [view.shows(()) for view in (unknown, ViewSpec(), ViewSpec.declared(()), brain)] == [False, True, True, False]
    assert brain.shows((Window(0, 80),))


def test_specs_survive_json() -> None:
    view = ViewSpec((Window(0, 80), Window(-20, 180)), (1.5, 0.75, 0.75), (240, 480, 480))
    spec = EncoderSpec("timm:x", "1", 4, mean=(0.5, 0.4, 0.3), std=(1, 1, 1), logit_scale=4.6)
    assert ViewSpec.from_dict(json.loads(json.dumps(view.to_dict()))) == view
    assert EncoderSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_names() -> None:
    assert FeatureKey("slice", SPEC, VIEW).name == "intensity/brain/slice"
    assert FeatureKey("text", SPEC, ViewSpec()).name == "intensity/text"
    assert (
        FeatureKey("tokens", SPEC, ViewSpec((Window(0, 80), Window(1, 2)), size=(8, 9)), "12").name
        == "intensity/brain+1..2,8x9px/tokens/12"
    )


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_keyed_digest_separates_parts(a: list[str], b: list[str]) -> None:
    key = bytes(range(32))
    assert (keyed(key, "d", *a) == keyed(key, "d", *b)) == (a == b)
    assert keyed(key, "d", *a) != keyed(key, "e", *a)
    assert keyed(key, "d", *a) != keyed(key[::-1], "d", *a)
