"""Search against brute force: every score, its order, one hit a study, primary series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanbank.eval.search import search
from scanbank.store import Bank
from scanbank.store.errors import EncoderError, UsageError
from scanbank.store.feature_rows import FeatureRows
from search_banks import BRAIN, Brightness, Fixed, bright_bank, catalog, f32, put

DIM = 12


def brute(bank: Bank, query: np.ndarray, items: np.ndarray, vectors: np.ndarray, k: int, *, all_series: bool) -> list[tuple[int, float]]:
    """(ordinal, cosine) by sorting all of them in float64."""
    cosines = {}
    for item, vector in zip(items.tolist(), vectors.astype(np.float64), strict=True):
        length = np.linalg.norm(vector) * np.linalg.norm(query)
        cosines[item] = float(vector @ query / length) if length else 0.0
    best: dict[str, tuple[int, float]] = {}
    for row in bank.sql("SELECT ordinal, study, is_primary FROM volumes ORDER BY ordinal").to_pylist():
        if row["ordinal"] in cosines and (all_series or row["is_primary"]):
            score = cosines[row["ordinal"]]
            if row["study"] not in best or score > best[row["study"]][1] + 1e-7:
                best[row["study"]] = row["ordinal"], score
    return sorted(best.values(), key=lambda pair: (-round(pair[1], 6), pair[0]))[:k]


@pytest.mark.parametrize("all_series", [False, True])
@pytest.mark.parametrize(
    ("volumes", "studies", "k", "precision"), [(300, 300, 10, "float32"), (400, 60, 25, "float16"), (40, 7, 100, "float32")]
)
def test_hits_are_those_of_brute_force(bank: Bank, volumes: int, studies: int, k: int, precision: str, all_series: bool) -> None:
    rng = np.random.default_rng(volumes)
    ordinals = catalog(bank, rng.integers(0, studies, volumes).tolist(), slices=1)
    query = rng.normal(size=DIM).astype(np.float32)
    encoder = Fixed(query, precision=precision)
    vectors = rng.normal(size=(volumes, DIM)).astype(precision)
    order = rng.permutation(volumes)
    put(bank, encoder, "volume", vectors[order], ordinals[order])
    (features,) = bank.feature_sets
    result = search(bank, encoder, features, "anything", k=k, all_series=all_series)
    expected = brute(bank, query, ordinals, vectors, k, all_series=all_series)
    assert [hit.ordinal for hit in result.hits] == [ordinal for ordinal, _ in expected]
    np.testing.assert_allclose([hit.score for hit in result.hits], [score for _, score in expected], atol=1e-6)
    assert [hit.rank for hit in result.hits] == list(range(1, len(expected) + 1))
    assert len({hit.study for hit in result.hits}) == len(expected)
    assert result.searched == (volumes if all_series else result.studies)


def test_slice_vectors_are_pooled_by_their_mean(bank: Bank) -> None:
    rng = np.random.default_rng(1)
    ordinals = catalog(bank, range(20), slices=4)
    slices = rng.normal(size=(20, 4, DIM)).astype(np.float32)
    items = ordinals[:, None] + 1 + np.arange(4)
    query = rng.normal(size=DIM).astype(np.float32)
    encoder = Fixed(query)
    order = rng.permutation(80)[:-1]  # one slice lacks its vector, so its scan has none
    lacking = ordinals[np.setdiff1d(np.arange(80), order)[0] // 4]
    put(bank, encoder, "slice", slices.reshape(80, DIM)[order], items.reshape(80)[order])
    (features,) = bank.feature_sets
    result = search(bank, encoder, features, "anything", k=20)
    kept = ordinals != lacking
    expected = brute(bank, query, ordinals[kept], slices[kept].mean(axis=1), 20, all_series=False)
    assert [hit.ordinal for hit in result.hits] == [ordinal for ordinal, _ in expected]
    assert (result.features, result.searched, result.without_vector) == ("fixed/brain/slice/mean", 19, 1)
    for hit in result.hits:
        cosines = (
            slices[ordinals == hit.ordinal][0] @ query / np.linalg.norm(slices[ordinals == hit.ordinal][0], axis=1) / np.linalg.norm(query)
        )
        assert hit.places[0].index == cosines.argmax()
        assert hit.places[0].z_mm == 10.0 * cosines.argmax()
        assert hit.places[0].score == pytest.approx(cosines.max(), abs=1e-6)


def test_equal_scores_go_by_ordinal_and_zero_vectors_are_like_nothing(bank: Bank) -> None:
    ordinals = catalog(bank, range(50))
    vectors = np.tile(f32([3, 4]), (50, 1))
    vectors[7] = 0
    vectors[30] = -vectors[30]
    encoder = Fixed(f32([3, 4]))
    put(bank, encoder, "volume", vectors[::-1], ordinals[::-1])
    hits = search(bank, encoder, bank.feature_sets[0], "x", k=50).hits
    plain = [i for i in range(50) if i not in (7, 30)]
    assert [hit.ordinal for hit in hits] == ordinals[[*plain, 7, 30]].tolist()
    np.testing.assert_allclose([hit.score for hit in hits[-3:]], [1, 0, -1], atol=1e-6)
    assert [hit.ordinal for hit in search(bank, encoder, bank.feature_sets[0], "x", k=5).hits] == ordinals[:5].tolist()


def test_rows_of_scans_that_are_no_more_are_not_found(bank: Bank) -> None:
    """A volume that was given a new ordinal leaves its old row behind."""
    ordinals = catalog(bank, range(3))
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0], [0, 1], [0.5, 0.5]]), np.array([9999, *ordinals[:2]]))
    result = search(bank, encoder, bank.feature_sets[0], "x")
    assert [hit.ordinal for hit in result.hits] == [ordinals[1], ordinals[0]]
    assert (result.searched, result.studies, result.without_vector) == (2, 2, 1)


def test_nothing_to_compare_finds_nothing(bank: Bank) -> None:
    catalog(bank, range(2))
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0]]), np.array([9999]))
    assert search(bank, encoder, bank.feature_sets[0], "x").hits == ()


@pytest.mark.parametrize("side", ["volume", "slice"])
def test_from_pixels_to_the_best_slice(bank: Bank, tmp_path: Path, side: str) -> None:
    encoder = Brightness(side, "text", gives_depth=side == "volume")
    bright_bank(bank, tmp_path / "scans", encoder)
    features = bank.features(f"brightness/brain/{side}")
    volumes = bank.sql("SELECT volume FROM volumes ORDER BY ordinal").column(0).to_pylist()
    hits = search(bank, encoder, features, "bright", k=3).hits
    assert [hit.volume for hit in hits] == volumes[::-1]
    # of scan 2, slice 2 is bright all over; the slices below it but for a column. The least bright is elsewhere
    assert [(hit.places[0].index, hit.places[0].z_mm) for hit in hits] == [(2, 110.0), (1, 105.0), (0, 100.0)]
    assert all(len(hit.places) > 1 for hit in hits)
    assert [hit.volume for hit in search(bank, encoder, features, "dark", k=1).hits] == volumes[:1]


def test_without_vectors_along_depth_there_are_no_places(bank: Bank, tmp_path: Path) -> None:
    bright_bank(bank, tmp_path / "scans", Brightness(), depth=False)
    assert [hit.places for hit in search(bank, Brightness(), bank.feature_sets[0], "bright").hits] == [()] * 3


def test_padding_along_depth_is_never_best(bank: Bank) -> None:
    ordinals = catalog(bank, [0, 1], slices=3)
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0], [1, 0.1]]), ordinals)
    depth = f32([[[1, 0], [1, 1], [0, 1]], [[0, 1], [1, 1], [1, 0]]])
    z_mm = f32([[np.nan, 6, 12], [-50, np.nan, 19]])
    mask = np.array([[False, True, True], [True, True, False]])
    put(bank, encoder, "depth", FeatureRows(depth, z_mm, mask), ordinals)
    one, two = (hit.places[0] for hit in search(bank, encoder, bank.features("fixed/brain/volume"), "x").hits)
    assert (one.z_mm, one.index, one.score) == (6.0, 1, pytest.approx(0.5**0.5))
    assert (two.z_mm, two.index) == (None, None)


@pytest.mark.parametrize("query", ["", "   \n"])
def test_an_empty_query_is_refused(bank: Bank, query: str) -> None:
    ordinals = catalog(bank, [0])
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0]]), ordinals)
    with pytest.raises(UsageError, match="query is empty"):
        search(bank, encoder, bank.feature_sets[0], query)


def test_what_cannot_be_searched_says_why(bank: Bank) -> None:
    ordinals = catalog(bank, [0])
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0]]), ordinals)
    put(bank, encoder, "text", f32([[1, 0]]), ordinals)
    volumes, texts = bank.features("fixed/brain/volume"), bank.features("fixed/text")
    with pytest.raises(UsageError, match="k is 0"):
        search(bank, encoder, volumes, "x", k=0)
    with pytest.raises(UsageError, match="places is 0"):
        search(bank, encoder, volumes, "x", places=0)
    with pytest.raises(UsageError, match="of kind 'text'"):
        search(bank, encoder, texts, "x")
    with pytest.raises(EncoderError, match="weights or settings differ"):
        search(bank, Fixed(f32([1, 0]), weights="other"), volumes, "x")
    mute = Brightness("volume")
    put(bank, mute, "volume", f32([[1, 0]]), ordinals, BRAIN)
    with pytest.raises(EncoderError, match="no text side"):
        search(bank, mute, bank.features("brightness/brain/volume"), "x")
