from __future__ import annotations

import numpy as np
import pytest

from scanbank.embed.adapt.reports import Reports
from scanbank.store.errors import UsageError

REPORTS = Reports([["A nodule.", "Nodule"], ["Clear lungs."], ["a  nodule. ", "Round mass."], ["Effusion.", "Clear lungs."]])


def test_which_reports_are_the_same() -> None:
    # 0 and 2 differ in case and spaces alone; of 1 and 3 the same wording was drawn
    found = REPORTS.same([0, 1, 2, 3], ["Nodule", "Clear lungs.", "Round mass.", "Clear lungs."])
    assert found.int().tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert REPORTS.same([3, 1], ["Effusion.", "Clear lungs."]).int().tolist() == [[1, 0], [0, 1]]


def test_wordings_are_drawn_by_seed() -> None:
    drawn = [tuple(REPORTS.drawn([2, 1], np.random.default_rng(seed))) for seed in range(20)]
    assert set(drawn) == {("a  nodule. ", "Clear lungs."), ("Round mass.", "Clear lungs.")}
    assert drawn == [tuple(REPORTS.drawn([2, 1], np.random.default_rng(seed))) for seed in range(20)]


def test_empty_reports_are_refused() -> None:
    with pytest.raises(UsageError, match="2 of 3 training scans have an empty report or none"):
        Reports([["fine"], [], ["good", " "]])
