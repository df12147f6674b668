from __future__ import annotations

import numpy as np
import pytest

from scanbank.embed.adapt.prompts import Prompts
from scanbank.store.errors import UsageError


def test_the_published_sentences() -> None:
    prompts = Prompts.plain(["lung_nodule", "effusion"])
    assert prompts.drawn(None) == [
        "Lung nodule is present.",
        "Effusion is present.",
        "Lung nodule is not present.",
        "Effusion is not present.",
    ]
    assert sorted(prompts.every()) == sorted(prompts.drawn(None))


def test_several_wordings_of_the_same() -> None:
    prompts = Prompts.plain(["lung_nodule"], 3)
    assert prompts.present == (("Lung nodule is present.", "There is lung nodule.", "Lung nodule is seen."),)
    assert prompts.absent == (("Lung nodule is not present.", "There is no lung nodule.", "Lung nodule is not seen."),)
    assert prompts.drawn(None) == Prompts.plain(["lung_nodule"]).drawn(None)
    with pytest.raises(UsageError, match="wordings 9: expected 1 to 4"):
        Prompts.plain(["lung_nodule"], 9)


def test_a_wording_is_drawn_with_its_denial() -> None:
    prompts = Prompts(("a", "b"), (("a1", "a2", "a3"), ("b1",)), (("no a1", "no a2", "no a3"), ("no b1",)))
    drawn = [prompts.drawn(np.random.default_rng(seed)) for seed in range(20)]
    assert {one[0] for one in drawn} == {"a1", "a2", "a3"}
    assert all(one[2:] == [f"no {one[0]}", "no b1"] for one in drawn)
    assert drawn == [prompts.drawn(np.random.default_rng(seed)) for seed in range(20)]


def test_prompts_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match="finding 'a' has 2 wordings for present and 1 for absent"):
        Prompts(("a",), (("x", "y"),), (("z",),))
    with pytest.raises(UsageError, match="expected both of all 2 findings"):
        Prompts(("a", "b"), (("x",),), (("z",),))
    with pytest.raises(UsageError, match="1 or more"):
        Prompts((), (), ())
