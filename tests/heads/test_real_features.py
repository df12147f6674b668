"""Heads on vectors that somebody else's network made of real images."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from scanbank.heads import HEADS, LinearHead, Support

IMAGES = {"head_ct": "hemorrhage", "covid_ct": "covid", "brain_mri": "tumor"}


def images(data: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    stored = np.load(data / "embeddings" / f"mobilenet_v1_{name}.npz")
    with (data / name / "labels.csv").open(encoding="utf-8") as file:
        label = {row["path"]: int(row[IMAGES[name]]) for row in csv.DictReader(file)}
    return stored["vector"], np.array([label[path] for path in stored["path"].tolist()])


def draws(y: NDArray[np.int64], shots: int, repeats: int) -> tuple[list[Support], NDArray[np.int64]]:
    """Supports from one half of the images, and the other half to score."""
    half = np.random.default_rng(0).permutation(len(y))
    train, test = half[: len(y) // 2], half[len(y) // 2 :]
    supports = []
    for repeat in range(repeats):
        order = np.random.default_rng([1, repeat]).permutation(train)
        rows = np.concatenate([order[y[order] == c][:shots] for c in (0, 1)])
        supports.append(Support(rows, y[rows]))
    return supports, test


LEARN = [name for name, kind in HEADS.items() if not (kind.needs_texts or kind.one_class)]  # these vectors have no text side


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("head", LEARN)
def test_more_shots_are_better_than_few_and_than_chance(head: str, name: str, shared_data: Path) -> None:
    X, y = images(shared_data, name)
    mean = {}
    for shots in (1, 8):
        supports, test = draws(y, shots, 20)
        scores = HEADS[head].scores(X, supports, test)
        assert HEADS[head].scores(X.astype(np.float16), supports, test).shape == scores.shape
        mean[shots] = np.mean([roc_auc_score(y[test], fit) for fit in scores])
    assert mean[8] > mean[1]
    assert mean[8] > 0.65


@pytest.mark.parametrize("head", [name for name, kind in HEADS.items() if kind.one_class])
def test_normals_alone_tell_tumors_better_than_chance(head: str, shared_data: Path) -> None:
    """Not so everywhere: of covid_ct, scans with the finding are nearer to those without it than these are to each other."""
    X, y = images(shared_data, "brain_mri")
    supports, test = draws(y, 8, 20)
    assert np.mean([roc_auc_score(y[test], fit) for fit in HEADS[head].scores(X, supports, test)]) > 0.65


def test_linear_is_scikit_learns_on_all_images(shared_data: Path) -> None:
    X, y = images(shared_data, "brain_mri")
    X = X.astype(np.float64)
    exact = LogisticRegression(C=100.0, solver="newton-cg", tol=1e-10, max_iter=1000).fit(normalize(X), y)
    assert LinearHead().fit(X, y).predict_proba(X) == pytest.approx(exact.predict_proba(normalize(X)), abs=1e-6)
