from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from scanbank.heads import CentroidNormalHead, KNNNormalHead


@pytest.mark.parametrize("k", [1, 2, 5, 200])
def test_it_is_the_mean_distance_of_scikit_learns_nearest(k: int) -> None:
    random = np.random.default_rng(0)
    normals, asked = random.normal(size=(150, 16)) + 2, random.normal(size=(300, 16)) + 2
    found = NearestNeighbors(n_neighbors=min(k, 150), metric="cosine").fit(normals).kneighbors(asked)[0].mean(axis=1)
    head = KNNNormalHead(k).fit(normals)
    assert head.anomaly(asked) == pytest.approx(found, abs=1e-11)
    # each normal as the other 149 see it, the nearest of 150 being the normal itself
    own = NearestNeighbors(n_neighbors=min(k, 149) + 1, metric="cosine").fit(normals).kneighbors(normals)[0][:, 1:].mean(axis=1)
    assert head.offset_ == pytest.approx(-np.quantile(own, 0.9), abs=1e-11)


def test_by_hand() -> None:
    head = KNNNormalHead().fit(np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]))
    # from (1, 0): 0, 1 and 2 away; from (0, -1): 1, 2 and 1; zeros are 1 away from everything
    assert head.anomaly([[5.0, 0.0], [0.0, -1.0], [0.0, 0.0]]) == pytest.approx([0.5, 1.0, 1.0])
    alone = KNNNormalHead().fit(np.array([[1.0, 1.0]]))
    assert alone.anomaly([[2.0, 2.0], [1.0, 0.0]]) == pytest.approx([0.0, 1 - np.sqrt(0.5)], abs=1e-12)
    assert alone.offset_ == 0


def test_of_one_normal_it_is_the_centroids_distance() -> None:
    random = np.random.default_rng(1)
    normal, asked = random.normal(size=(1, 8)), random.normal(size=(20, 8))
    assert KNNNormalHead().fit(normal).anomaly(asked) == pytest.approx(CentroidNormalHead().fit(normal).anomaly(asked), abs=1e-11)


def test_equal_vectors_are_equally_far_and_at_no_distance() -> None:
    normals = np.random.default_rng(2).normal(size=(70, 33))
    head = KNNNormalHead(1).fit(normals)
    assert (head.anomaly(3 * normals) == 0).all()


def test_centroid_by_hand() -> None:
    head = CentroidNormalHead().fit(np.array([[5.0, 0.0], [0.0, 1.0]]))
    assert head.anomaly([[1.0, 1.0], [2.0, 0.0], [-1.0, -1.0]]) == pytest.approx([0.0, 1 - np.sqrt(0.5), 2.0], abs=1e-12)
