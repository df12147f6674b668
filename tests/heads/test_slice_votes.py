from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from bag_cohorts import shifted
from scanbank.heads import LinearHead, SliceHead


def test_pools_are_those_of_slices_one_by_one() -> None:
    cohort = shifted(30)
    bags, y = cohort.bags, cohort.y
    plain = LinearHead().fit(bags.X, y[bags.owner])
    by_bag = np.split(plain.decision_function(bags.X), bags.starts[1:-1])
    mean = SliceHead().fit(bags, y).predict_proba(bags)[:, 1]
    assert mean == pytest.approx([expit(slices).mean() for slices in by_bag], abs=1e-9)
    highest = SliceHead("max").fit(bags, y).decision_function(bags)
    assert highest == pytest.approx([slices.max() for slices in by_bag], abs=1e-9)


def test_the_highest_of_several_classes() -> None:
    cohort = shifted(30, classes=3)
    bags, y = cohort.bags, cohort.y
    plain = np.log(LinearHead().fit(bags.X, y[bags.owner]).predict_proba(bags.X))
    expected = [part.max(axis=0) for part in np.split(plain, bags.starts[1:-1])]
    assert SliceHead("max").fit(bags, y).decision_function(bags) == pytest.approx(np.array(expected), abs=1e-6)


def test_sub_bags_teach_less_and_score_all() -> None:
    cohort = shifted(30)
    part = SliceHead(sub_bag=1, random_state=3).fit(cohort.bags, cohort.y)
    whole = SliceHead(sub_bag=99).fit(cohort.bags, cohort.y)
    assert not np.allclose(part.coef_, whole.coef_)
    assert np.array_equal(whole.coef_, SliceHead().fit(cohort.bags, cohort.y).coef_)


def test_parameters() -> None:
    cohort = shifted(4)
    with pytest.raises(ValueError, match="pool is 'median'; choose one of 'mean', 'max'"):
        SliceHead("median").fit(cohort.bags, cohort.y)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="sub_bag is 0"):
        SliceHead(sub_bag=0).fit(cohort.bags, cohort.y)
