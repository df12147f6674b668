"""What holds for every head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from scanbank.heads import (
    HEADS,
    CentroidNormalHead,
    CLAPHead,
    CLIPAdapterHead,
    CosineClsHead,
    CosineHead,
    Head,
    KNNHead,
    KNNNormalHead,
    LDAHead,
    LinearClsHead,
    LinearHead,
    LinearPathHead,
    LPPlusPlusHead,
    MahalanobisHead,
    OneClassHead,
    PrototypeHead,
    RidgeHead,
    TipAdapterFHead,
    TipAdapterHead,
    ZeroShotHead,
)
from scanbank.heads.fitted import FittedHead
from scanbank.heads.vectors import Floats, Ints, class_means, softmax
from scanbank.store import EncoderSpec, FeatureKey, ViewSpec, parse_window
from scanbank.store.errors import UsageError

KEY = FeatureKey("slice", EncoderSpec("toy@1", "1", 8, weights="ab" * 32), ViewSpec((parse_window("brain"),)), "last")
LEARNING = [
    CosineHead(),
    KNNHead(),
    KNNHead(n_neighbors=1),
    PrototypeHead(),
    LinearHead(),
    LinearHead(normalize="standard"),
    LinearHead(normalize=None),
    LinearHead(class_weight="balanced"),
    KNNHead(metric="l2", weights="uniform"),
    KNNHead(weights="temperature"),
    RidgeHead(),
    LDAHead(),
    LDAHead(shrinkage=0.5),
]
TRAINED = [LinearClsHead(), CosineClsHead(), LinearPathHead(path=(1.0, 100.0))]
VOTES = "check_classifiers_multilabel_output_format_predict_proba"


def textual(classes: int) -> list[Head]:
    """Heads that learn from class texts too, trained for a moment."""
    prompts = np.eye(classes, 8)
    return [
        TipAdapterHead(prompts, scale=20.0),
        TipAdapterFHead(prompts, epochs=5),
        CLIPAdapterHead(prompts, epochs=20, batch_size=64),
        LPPlusPlusHead(prompts, epochs=40),
        CLAPHead(prompts, epochs=40),
    ]


ALL = [*LEARNING, ZeroShotHead(np.eye(3, 8), scale=20.0), *textual(3)]
BLIND_TO_LENGTH = [CosineHead(), KNNHead(), LinearHead(), RidgeHead(), LDAHead(), CosineClsHead(), ZeroShotHead(np.eye(3, 8)), *textual(3)]


class AnyWidth(Head):
    """A head that learns from class texts, with the class means for texts.

    Scikit-learn's checks bring data of their own widths and classes.
    """

    def __init__(self, kind: str = "tip_adapter") -> None:
        self.kind = kind

    def _learn(self, X: Floats, codes: Ints) -> None:
        head = HEADS[self.kind].make()
        assert isinstance(head, Head)
        self.head_ = head
        short = {"epochs": 30} if "epochs" in self.head_.get_params() else {}
        self.head_.set_params(prompts=class_means(X, codes, len(self.classes_)), **short).fit(X, codes)

    def _class_scores(self, X: Floats) -> Floats:
        return self.head_._class_scores(X)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def cohort(seed: int = 0, classes: int = 3, items: int = 60) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(items, 8) vectors in a cone, as encoders give them, and labels that lean along the first axes; exact in float16."""
    random = np.random.default_rng(seed)
    y = np.arange(items) % classes
    X = random.normal(size=(items, 8)) + 2.0 + 2.0 * np.eye(classes, 8)[y]
    return X.astype(np.float16).astype(np.float64), y


@pytest.mark.parametrize("head", [*LEARNING, *(pytest.param(head, marks=pytest.mark.slow) for head in TRAINED)], ids=repr)
def test_sklearns_own_checks(head: Head) -> None:
    passes_sklearns_checks(head)


TEXTUAL = [name for name, kind in HEADS.items() if kind.needs_texts]


@pytest.mark.parametrize("kind", [pytest.param(name, marks=pytest.mark.slow) if name != "tip_adapter" else name for name in TEXTUAL])
def test_sklearns_own_checks_of_heads_that_need_texts(kind: str) -> None:
    passes_sklearns_checks(AnyWidth(kind))


def passes_sklearns_checks(head: Head) -> None:
    # shares of votes may be 0 and 1, and that check wants chances between them
    expected = {VOTES: "all neighbours may be of one class"} if isinstance(head, KNNHead) else {}
    if isinstance(head, AnyWidth):
        of_long = "of long features, chances next to 0 and 1 are 0 and 1, and equal"
        expected = {VOTES: of_long, "check_classifier_multioutput": of_long}
    if isinstance(head, LinearHead) and head.normalize is None:
        expected = {"check_classifier_multioutput": "of long features: chances next to 1 are equal that decision values tell apart"}
    if isinstance(head, CosineClsHead):
        expected = {
            "check_class_weight_classifiers": "directions without a bias: of two opposite vectors no weight gives both to one class"
        }
    # raises at the first that fails; skipped are those that need pandas or array-api
    results = check_estimator(head, on_skip=None, expected_failed_checks=expected, on_fail="raise")
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array", *expected}
    assert len(results) > 40


@pytest.mark.parametrize("head", [KNNNormalHead(), MahalanobisHead(), CentroidNormalHead()], ids=repr)
def test_sklearns_own_checks_of_heads_that_learn_from_normals(head: OneClassHead) -> None:
    results = check_estimator(head, on_skip=None, on_fail="raise")
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array"}
    assert {"check_outliers_train", "check_outliers_fit_predict"} <= {r["check_name"] for r in results} - skipped


@pytest.mark.parametrize("head", [ZeroShotHead(), *(kind.make() for kind in HEADS.values() if kind.needs_texts)], ids=repr)
def test_sklearns_own_checks_of_fixed_prompts(head: Head) -> None:
    """They bring data of their own widths and classes; prompts are of one width, so those checks end in its refusal and in nothing else."""
    results = check_estimator(head.set_params(prompts=np.eye(2, 10)), on_skip=None, on_fail=None)
    failed = [r for r in results if r["status"] == "failed"]
    refused = [r for r in failed if "prompts are" in repr(r["exception"]) or "prompts are" in repr(r["exception"].__cause__)]
    assert [(r["check_name"], r["exception"]) for r in failed if r not in refused] == []
    assert sum(r["status"] == "passed" for r in results) >= 15


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_scores_probabilities_and_classes_agree(head: Head) -> None:
    X, y = cohort()
    named = np.array(["adenoma", "cyst", "normal"])[y]
    head = head.__class__(**head.get_params()).fit(X, named)
    scores, chances, called = head.decision_function(X), head.predict_proba(X), head.predict(X)
    assert scores.shape == chances.shape == (60, 3)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    assert (called == head.classes_[scores.argmax(axis=1)]).all()
    assert (chances.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert (called == named).mean() > 0.8


@pytest.mark.parametrize("head", [*LEARNING, *textual(2)], ids=repr)
def test_two_classes_give_one_column_positive_for_the_second(head: Head) -> None:
    X, y = cohort(classes=2)
    head.fit(X, y)
    scores = head.decision_function(X)
    assert scores.shape == (60,)
    chance = head.predict_proba(X)[:, 1]
    assert ((scores > 0) == (chance > 0.5)).all()
    assert (head.predict(X) == (scores > 0)).all()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(chance[order]) >= -1e-12).all()


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_half_precision_is_computed_in_double(head: Head) -> None:
    X, y = cohort()
    exact = head.fit(X, y).decision_function(X)
    assert np.array_equal(head.fit(X.astype(np.float16), y).decision_function(X.astype(np.float16)), exact)
    assert np.array_equal(head.fit(X.astype(np.float32), y).decision_function(X.astype(np.float32)), exact)


@pytest.mark.parametrize("head", BLIND_TO_LENGTH, ids=repr)
def test_length_of_a_vector_does_not_matter(head: Head) -> None:
    X, y = cohort()
    longer = X * np.random.default_rng(1).uniform(0.1, 10, size=(len(X), 1))
    assert head.fit(longer, y).decision_function(longer) == pytest.approx(head.fit(X, y).decision_function(X), abs=1e-5)


def test_prototype_is_blind_to_shift_and_scale() -> None:
    X, y = cohort()
    before = PrototypeHead().fit(X, y).decision_function(X)
    assert PrototypeHead().fit(7 * X - 3, y).decision_function(7 * X - 3) == pytest.approx(before)


@pytest.mark.parametrize("head", [*LEARNING, *textual(3)], ids=repr)
def test_order_of_the_support_does_not_matter(head: Head) -> None:
    X, y = cohort()
    X[1] = X[0]  # equal vectors of different classes: who of them is nearer must not depend on order
    order = np.random.default_rng(2).permutation(len(X))
    before = head.fit(X, y).decision_function(X)
    assert head.fit(X[order], y[order]).decision_function(X) == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize("head", [*LEARNING, *textual(3)], ids=repr)
def test_a_vector_of_zeros_has_finite_scores(head: Head) -> None:
    X, y = cohort()
    X[0] = 0
    assert np.isfinite(head.fit(X, y).decision_function(X)).all()


@pytest.mark.parametrize("head", ALL, ids=repr)
def test_bad_input(head: Head) -> None:
    X, y = cohort()
    with pytest.raises(NotFittedError):
        head.__class__(**head.get_params()).predict(X)
    with pytest.raises(UsageError, match=r"needs two classes to learn from; all 5 labels are of one class, 1"):
        head.fit(X[:5], np.ones(5, dtype=int))
    for wrong in (np.nan, np.inf):
        broken = X.copy()
        broken[3, 2] = wrong
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            head.fit(broken, y)
    with pytest.raises(ValueError, match="features"):
        head.fit(X, y).decision_function(X[:, :5])


@pytest.mark.parametrize("name", HEADS)
def test_kinds_learn_what_they_say(name: str) -> None:
    assert HEADS[name].name == name
    assert HEADS[name].summary
    assert HEADS[name].make() is not HEADS[name].make()


@pytest.mark.parametrize("head", [*LEARNING, *TRAINED, ZeroShotHead(np.random.default_rng(3).normal(size=(3, 2, 8)))], ids=repr)
def test_each_finding_is_learned_as_if_alone_from_the_rows_where_it_is_known(head: Head, tmp_path: Path) -> None:
    X, _ = cohort(items=30)
    random = np.random.default_rng(1)
    labels = (random.random((30, 3)) < 0.5).astype(float)
    labels[random.random((30, 3)) < 0.2] = np.nan
    head = head.__class__(**head.get_params()).fit(X, labels)
    scores, chances = head.decision_function(X), head.predict_proba(X)
    assert head.classes_.tolist() == [0, 1, 2]
    for column in range(3):
        known = ~np.isnan(labels[:, column])
        alone = head.for_column(column, 3).fit(X[known], labels[known, column].astype(int))
        assert np.array_equal(scores[:, column], alone.decision_function(X))
        assert np.array_equal(chances[:, column], alone.predict_proba(X)[:, 1])
        assert np.array_equal(head.predict(X)[:, column], alone.predict(X))
    marked = np.where(np.isnan(labels), -1, labels).astype(int)
    assert np.array_equal(head.__class__(**head.get_params()).fit(X, marked).decision_function(X), scores)
    FittedHead(head, KEY).save(tmp_path / "head")
    after = FittedHead.load(tmp_path / "head").estimator
    assert isinstance(after, Head)
    assert np.array_equal(after.decision_function(X), scores)
    assert np.array_equal(after.predict_proba(X), chances)


def test_bad_labels_of_several_findings() -> None:
    X, _ = cohort(items=6)
    good = np.array([[0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 0]])
    with pytest.raises(UsageError, match="column 1 of the labels has 0 absent, 3 present and 3 unknown"):
        CosineHead().fit(X, np.where(good == 0, [0, -1], good))
    with pytest.raises(ValueError, match="label 2 of row 0, column 1; 0, 1 and NaN"):
        CosineHead().fit(X, good + np.array([0, 1]))
    with pytest.raises(ValueError, match="labels are of 5 rows and features of 6"):
        CosineHead().fit(X, good[:5])
    with pytest.raises(ValueError, match="0, 1 and NaN"):
        CosineHead().fit(X, np.array([["yes", "no"]] * 6))
