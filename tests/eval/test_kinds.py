from __future__ import annotations

import numpy as np
import pytest

from scanbank.eval.kinds import KINDS, kind_named, probabilities_of
from scanbank.heads import HEADS, MANY
from scanbank.heads.vectors import sigmoid
from scanbank.store.errors import UnknownNameError


def test_every_head_has_a_name_of_its_own() -> None:
    assert list(KINDS) == [*HEADS, *MANY, "coop", "coop_csc"]
    assert all(kind_named(name).name == name and kind_named(name).summary for name in KINDS)
    assert {name for name, kind in KINDS.items() if kind.needs_texts} - set(HEADS) == {"coop", "coop_csc"}
    with pytest.raises(UnknownNameError, match="head 'cop' is unknown; did you mean 'coop'"):
        kind_named("cop")
    with pytest.raises(UnknownNameError, match="head 'zeroshot' is unknown"):
        kind_named("zeroshot")


def test_probabilities_of_heads_that_a_bank_names() -> None:
    scores = np.array([[-1.0, 0.5]])
    assert np.array_equal(probabilities_of("knn")(scores), (1 + scores) / 2)
    for head in ("linear", "coop", "zeroshot", "of another version"):
        assert np.array_equal(probabilities_of(head)(scores), sigmoid(scores))
    assert np.isnan(probabilities_of("zeroshot_single")(scores)).all()
