"""Agreement of two raters, against scikit-learn and against draws that are written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, recall_score

from scanbank.eval.agreement import KINDS, Agreement, Estimate, Rated, agreements
from scanbank.eval.bootstrap import bootstrap_intervals
from scanbank.eval.edges import wilson_edge
from scanbank.store.errors import UsageError

SKLEARN: dict[str, Callable[..., float]] = {
    "accuracy": accuracy_score,
    "kappa": cohen_kappa_score,
    "sensitivity": recall_score,
    "specificity": lambda y, called: float(recall_score(y, called, pos_label=0)),
    "f1": f1_score,
}


def rated(seed: int, patients: int = 40, items: int = 3, finding: str = "bleed", wrong: float = 0.2) -> Rated:
    random = np.random.default_rng(seed)
    names = np.repeat([f"p{i:03}" for i in range(patients)], items)
    y = (random.random(len(names)) < 0.4).astype(np.int64)
    return Rated(finding, y, np.where(random.random(len(names)) < wrong, 1 - y, y), names)


def values(of: Agreement) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in of.estimates.items()}


def test_values_are_those_of_scikit_learn() -> None:
    every = [rated(seed, finding=f"f{seed}", wrong=0.1 * seed) for seed in range(1, 6)]
    found = agreements(every, draws=2)
    for one, line in zip(every, found.findings, strict=True):
        assert values(line) == pytest.approx({name: of(one.reference, one.other) for name, of in SKLEARN.items()}, abs=1e-12)
        assert (line.items, line.patients, line.over) == (120, 40, 1)
        assert line.tp == int((one.reference & one.other).sum())
        assert line.tp + line.fp == one.other.sum()
        assert line.tp + line.fn == one.reference.sum()
        assert line.tp + line.fp + line.fn + line.tn == 120
    pooled = np.concatenate([one.reference for one in every]), np.concatenate([one.other for one in every])
    assert values(found.micro) == pytest.approx({name: of(*pooled) for name, of in SKLEARN.items()}, abs=1e-12)
    assert (found.micro.finding, found.micro.items, found.micro.patients, found.micro.over) == ("micro", 600, 40, 5)
    means = {name: float(np.mean([of(one.reference, one.other) for one in every])) for name, of in SKLEARN.items()}
    assert values(found.macro) == pytest.approx(means, abs=1e-12)
    assert found.macro.over == 5


def numbers(of: Estimate) -> tuple[float, float, float]:
    assert of.value is not None
    assert of.lo is not None
    assert of.hi is not None
    return of.value, of.lo, of.hi


def logit_ends(value: float, error: float, freedom: float) -> np.ndarray:
    reach = t.ppf(0.975, freedom) * error / (value * (1 - value))
    odds = value / (1 - value) * np.exp([-reach, reach])
    return odds / (1 + odds)


def test_intervals_come_from_the_deviation_over_drawn_patients() -> None:
    every = [rated(1, patients=12, finding="a"), rated(2, patients=12, finding="b", wrong=0.3)]
    random = np.random.Generator(np.random.PCG64(7))
    draws: dict[str, list[list[float]]] = {name: [] for name in SKLEARN}
    for _ in range(25):
        people = random.integers(12, size=12)
        rows = np.concatenate([np.flatnonzero(every[0].patients == f"p{p:03}") for p in people])
        for name, of in SKLEARN.items():
            draws[name].append([of(one.reference[rows], one.other[rows]) for one in every])
    found = agreements(every, draws=25, seed=7)
    with_positive, with_negative = ([len(np.unique(one.patients[one.reference == label])) for one in every] for label in (1, 0))
    freedom = {"accuracy": [12, 12], "sensitivity": with_positive, "specificity": with_negative}
    rarer = np.minimum(with_positive, with_negative).tolist()
    for name, each in draws.items():
        errors = np.std(each, axis=0, ddof=1)
        for place, line in enumerate(found.findings):
            value, *found_ends = numbers(line.estimates[name])
            df = (freedom.get(name) or rarer)[place]
            half = name == "kappa"
            ends = logit_ends((1 + value) / 2, errors[place] / 2, df) * 2 - 1 if half else logit_ends(value, errors[place], df)
            assert found_ends == pytest.approx(ends, abs=1e-9), name
        if name == "f1":
            variances = errors**2
            satterthwaite = variances.sum() ** 2 / (variances**2 / rarer).sum()
            value, *found_ends = numbers(found.macro.estimates[name])
            ends = logit_ends(value, float(np.std(np.mean(each, axis=1), ddof=1)), satterthwaite)
            assert found_ends == pytest.approx(ends, abs=1e-9)


def test_intervals_are_those_of_studies() -> None:
    one = rated(5)  # with both classes in every draw
    names = ["accuracy", "sensitivity", "specificity", "f1"]
    ends = bootstrap_intervals(names, one.reference, one.other[None], one.patients, [0.5], draws=30, seed=2)
    found = agreements([one], draws=30, seed=2).findings[0]
    for name in names:
        assert numbers(found.estimates[name])[1:] == pytest.approx(ends[name][0], abs=1e-12)


def test_the_order_of_items_does_not_matter_and_seeds_do() -> None:
    one = rated(3)
    order = np.random.default_rng(0).permutation(len(one.reference))
    shuffled = Rated(one.finding, one.reference[order], one.other[order], one.patients[order])
    assert agreements([one], draws=20) == agreements([shuffled], draws=20)
    assert agreements([one], draws=20, seed=1) != agreements([one], draws=20)


def test_items_of_one_patient_widen_the_interval() -> None:
    one = rated(4, patients=60, items=1)
    thrice = Rated("bleed", np.repeat(one.reference, 3), np.repeat(one.other, 3), np.repeat(one.patients, 3))
    apart = Rated("bleed", thrice.reference, thrice.other, np.array([f"q{i:03}" for i in range(180)]))
    together, alone = agreements([thrice]).findings[0], agreements([apart]).findings[0]
    for name in KINDS:
        wide, narrow = numbers(together.estimates[name]), numbers(alone.estimates[name])
        assert wide[0] == narrow[0]
        assert wide[2] - wide[1] > 1.3 * (narrow[2] - narrow[1])


def test_full_agreement_has_wilsons_interval() -> None:
    y = np.array([1] * 5 + [0] * 15)
    line = agreements([Rated("bleed", y, y, np.arange(20).astype(str))], draws=10).findings[0]
    assert set(values(line).values()) == {1.0}
    assert (line.estimates["sensitivity"].lo, line.estimates["sensitivity"].hi) == wilson_edge(1.0, 5)
    assert line.estimates["specificity"].lo == wilson_edge(1.0, 15)[0]
    low = wilson_edge(1.0, 20)[0]
    chance = 0.25**2 + 0.75**2
    assert line.estimates["kappa"].lo == pytest.approx((low - chance) / (1 - chance), abs=1e-12)
    assert line.estimates["kappa"].hi == 1.0
    against = agreements([Rated("bleed", y, 1 - y, np.arange(20).astype(str))], draws=10).findings[0]
    assert against.estimates["accuracy"].value == 0.0
    assert against.estimates["kappa"].value == pytest.approx(cohen_kappa_score(y, 1 - y))


def test_what_has_no_value_says_why() -> None:
    nobody = np.arange(6).astype(str)
    zero, some = np.zeros(6, np.int64), np.array([1, 1, 0, 0, 0, 0])
    found = agreements(
        [Rated("none", zero, zero, nobody), Rated("alarm", zero, some, nobody), Rated("empty", zero[:0], zero[:0], nobody[:0])]
    )
    none, alarm, empty = found.findings
    assert none.estimates["accuracy"].value == 1.0
    assert none.estimates["kappa"].reason == "both call all of them the same"
    assert none.estimates["sensitivity"].reason == "the reference calls none of them present"
    assert none.estimates["f1"].reason == "neither calls any of them present"
    assert alarm.estimates["f1"].value == 0.0
    assert alarm.estimates["f1"].lo is None
    assert alarm.estimates["kappa"].value == 0.0
    assert alarm.estimates["specificity"].value == pytest.approx(4 / 6)
    assert {estimate.reason for estimate in empty.estimates.values()} == {"no items"}
    assert found.macro.over == 2
    assert found.macro.estimates["sensitivity"].reason == "no finding has a value"
    assert found.macro.estimates["specificity"].value == pytest.approx(5 / 6)
    assert found.micro.items == 12


def test_a_rater_who_calls_nothing_has_a_kappa_without_interval() -> None:
    y = np.array([1, 1, 1, 0, 0, 0])
    kappa = agreements([Rated("bleed", y, 0 * y, np.arange(6).astype(str))]).findings[0].estimates["kappa"]
    assert kappa.value == 0.0
    assert kappa.lo is None
    assert "whichever patients are drawn" in kappa.reason


def test_misuse_is_refused() -> None:
    with pytest.raises(UsageError, match="1 draws say nothing of spread"):
        agreements([rated(0)], draws=1)
    with pytest.raises(UsageError, match="no finding"):
        agreements([])
    with pytest.raises(UsageError, match="finding 'x': calls must be 0 or 1"):
        agreements([Rated("x", np.array([0, 2]), np.array([0, 1]), np.array(["a", "b"]))])


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    prevalence, sensitivity, specificity = 0.2, 0.8, 0.95
    tp, fn = prevalence * sensitivity, prevalence * (1 - sensitivity)
    fp, tn = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    kappa = 2 * (tp * tn - fn * fp) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
    f1 = 2 * tp / (2 * tp + fp + fn)
    truth = {"accuracy": tp + tn, "kappa": kappa, "sensitivity": sensitivity, "specificity": specificity, "f1": f1}
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for seed in range(600):
        y = (random.random(60) < prevalence).astype(np.int64)
        called = (random.random(60) < np.where(y == 1, sensitivity, 1 - specificity)).astype(np.int64)
        line = agreements([Rated("bleed", y, called, np.arange(60).astype(str))], draws=300, seed=seed).findings[0]
        for name, value in truth.items():
            _, lo, hi = numbers(line.estimates[name])
            held[name].append(lo <= value <= hi)
    for name, each in held.items():
        assert 0.93 <= np.mean(each) <= 0.995, name
