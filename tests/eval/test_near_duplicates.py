"""Copies that were planted are found, and what only lies close is not taken for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scanbank.eval.near_duplicates import near_duplicates

Make = Callable[[np.random.Generator, int], np.ndarray]
MAKES: dict[str, Make] = {
    "2 numbers": lambda rng, n: rng.normal(size=(n, 2)),
    "8 numbers": lambda rng, n: rng.normal(size=(n, 8)),
    "256 numbers": lambda rng, n: rng.normal(size=(n, 256)),
    "3 dimensions of 64": lambda rng, n: rng.normal(size=(n, 3)) @ rng.normal(size=(3, 64)),
    "heavy tails": lambda rng, n: rng.standard_t(3, size=(n, 32)),
    "two densities": lambda rng, n: rng.normal(size=(n, 32)) * np.where(rng.random((n, 1)) < 0.2, 0.3, 1.0),
    "all alike but for a little": lambda rng, n: 1000 + rng.normal(size=(n, 32)),
}


def names(n: int) -> np.ndarray:
    return np.array([f"p{i}" for i in range(n)])


def spread(n: int) -> np.ndarray:
    """Three of train, then one of val, then one of test, over and over."""
    return np.array(["train", "train", "train", "val", "test"])[np.arange(n) % 5]


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_what_nobody_copied_is_no_copy_and_what_was_planted_is_found(make: Make) -> None:
    """A copy of row 0 (train) tests, one of row 3 (val) tests, one of row 4 (test) lies in train; that in train of row 1 is no leak."""
    n = 400
    for seed in range(3):
        X = make(np.random.default_rng(seed), n).astype(np.float32)
        assert near_duplicates(X, names(n), spread(n)).pairs.tolist() == []
        noise = 1e-4 * X.std() * np.random.default_rng(9).normal(size=X.shape)
        for copied, to in ((0, 104), (3, 109), (4, 110), (1, 111)):
            X[to] = X[copied] + (noise[to] if X.shape[1] > 8 else 0)
        found = near_duplicates(X, names(n), spread(n))
        assert (found.reason, found.common) == ("", 0)
        assert found.pairs.tolist() == [[4, 110], [104, 0], [109, 3]]


def test_scale_shift_and_what_has_no_side_do_not_matter() -> None:
    n = 200
    X = np.random.default_rng(0).normal(size=(n, 16)).astype(np.float32)
    X[104], X[109] = X[0] + 0.01, X[5] + 0.01
    sides = spread(n)
    assert near_duplicates(X, names(n), sides).pairs.tolist() == [[104, 0], [109, 5]]
    for scale, shift in ((7, 3), (1e30, 0), (1e-30, 0)):
        assert near_duplicates(np.float32(scale) * X + shift, names(n), sides).pairs.tolist() == [[104, 0], [109, 5]]
    sides[5] = ""
    assert near_duplicates(X, names(n), sides).pairs.tolist() == [[104, 0]]


def test_slices_of_one_patient_are_no_copies_and_lie_closer_than_those_of_two() -> None:
    """20 slices of each of 30 patients, next to each other along a curve; one slice is in another patient, too."""
    rng = np.random.default_rng(0)
    patients = np.repeat(names(30), 20)
    along = np.tile(np.linspace(0, 2, 20), 30)[:, None]
    X = np.repeat(rng.normal(size=(30, 64)), 20, axis=0) + np.sin(along * np.arange(1, 65) / 8) + 0.02 * rng.normal(size=(600, 64))
    sides = np.repeat(spread(30), 20)
    assert near_duplicates(X, patients, sides).pairs.tolist() == []
    X[4 * 20 + 7] = X[7] + 0.001
    assert near_duplicates(X, patients, sides).pairs.tolist() == [[87, 7]]


def test_copies_of_all_are_found() -> None:
    """Where each vector is there twice, under two names, none is unusual: still they are copies."""
    X = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    sides = np.repeat(["train", "test"], 50)
    assert near_duplicates(np.concatenate([X, X]), names(100), sides).pairs.tolist() == [[50 + i, i] for i in range(50)]


def test_many_equal_vectors_are_told_of_as_such() -> None:
    """Empty slices: fifteen patients have the same vector."""
    n = 300
    X = np.random.default_rng(0).normal(size=(n, 32))
    X[:15] = 0.5
    found = near_duplicates(X, names(n), spread(n))
    assert found.pairs.tolist() == []
    assert found.common == 6  # of val and test among the fifteen


@pytest.mark.parametrize(
    ("X", "reason"),
    [
        (np.ones((100, 8)), "half of its vectors have an equal one"),
        (np.eye(8)[np.arange(100) % 8], "half of its vectors have an equal one"),
        (np.arange(100.0)[:, None] // 1, "take few different values"),
        (np.random.default_rng(0).normal(size=(19, 8)), "19 units of 19 patients are too few"),
        (np.empty((0, 8)), "0 units of 0 patients"),
    ],
    ids=["constant", "one of eight", "a grid", "few", "none"],
)
def test_of_what_nothing_can_be_told_it_says_why(X: np.ndarray, reason: str) -> None:
    found = near_duplicates(X, names(len(X)), spread(len(X)))
    assert reason in found.reason
    assert found.pairs.shape == (0, 2)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 300
    X = np.random.default_rng(0).normal(size=(n, 24)).astype(np.float32)
    X[201:261] = X[:60] + 0.05 * np.random.default_rng(1).normal(size=(60, 24))
    whole = near_duplicates(X, names(n), spread(n)).pairs
    assert len(whole) > 20
    for name, size in (("_QUERIES", 7), ("_TARGETS", 11), ("_EXACT", 2)):
        monkeypatch.setattr(f"scanbank.eval.near_duplicates.{name}", size)
    np.testing.assert_array_equal(near_duplicates(X, names(n), spread(n)).pairs, whole)


@pytest.mark.parametrize(("name", "copies"), [("brain_mri", 27), ("head_ct", 2), ("covid_ct", 2), ("ct_ich", 0)])
def test_real_images(shared_data: Path, name: str, copies: int) -> None:
    """Each of the pairs was looked at: the same image in another size or format; in `covid_ct` one is the next slice in the same figure.

    Of `brain_mri`, 14 are files of equal bytes, and others have cosines down to 0.95; different patients of `ct_ich` reach 0.96.
    """
    with np.load(shared_data / "embeddings" / f"mobilenet_v1_{name}.npz") as stored:
        order = np.argsort(stored["path"])
        paths, X = stored["path"][order], stored["vector"][order]
    patients = np.array([path.split("/")[0] for path in paths]) if name == "ct_ich" else paths
    sides = np.array(["test", "val", "train", "train", "train"])[np.unique(patients, return_inverse=True)[1] % 5]
    found = near_duplicates(X, patients, sides)
    assert (found.reason, found.common, len(found.pairs)) == ("", 0, copies)
    content = [hashlib.sha256((shared_data / name / path).read_bytes()).hexdigest() for path in paths]
    earlier = {"train": 0, "val": 1, "test": 2}
    equal = {a for a in range(len(paths)) for b in range(len(paths)) if content[a] == content[b] and earlier[sides[b]] < earlier[sides[a]]}
    assert equal <= set(found.pairs[:, 0].tolist())
