from __future__ import annotations

import numpy as np
import pytest
import torch

from scanbank.eval.zeroshot_kinds import PAIR, SINGLE
from scanbank.heads import Support, zero_shot
from scanbank.store.errors import UsageError

NOBODY = np.empty(0, np.int64)


def rows(n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, 5)).astype(np.float32), rng.normal(size=(2, 5))


def test_a_plain_loop_of_torch() -> None:
    """CT-CLIP's: softmax over the scaled cosines with the two prompts; of presence alone, the scaled cosine."""
    X, texts = rows()
    queries = np.array([4, 0, 8])
    support = Support(NOBODY, NOBODY, texts=texts, logit_scale=20.0)
    scores = PAIR.scores(X, [support], queries)[0]
    single = SINGLE.scores(X, [Support(NOBODY, NOBODY, texts=texts[1:], logit_scale=20.0)], queries)[0]
    absent, present = (torch.from_numpy(text) for text in texts)
    for place, query in enumerate(queries.tolist()):
        image = torch.from_numpy(X[query].astype(np.float64))
        logits = 20.0 * torch.stack([torch.cosine_similarity(image, text, dim=0) for text in (absent, present)])
        assert PAIR.probabilities(scores)[place] == pytest.approx(torch.softmax(logits, 0)[1].item(), abs=1e-12)
        assert single[place] == pytest.approx(logits[1].item(), abs=1e-12)
    assert scores == pytest.approx(zero_shot(texts[1], texts[0], 20.0).decision_function(X[queries]), abs=1e-12)


def test_presence_alone_gives_no_probabilities() -> None:
    assert np.isnan(SINGLE.probabilities(np.array([[0.0, 3.0]]))).all()


def test_other_fits_beside_one_do_not_matter() -> None:
    X, texts = rows()
    supports = [Support(NOBODY, NOBODY, texts=texts * sign) for sign in (1, -1, 2)]
    whole = PAIR.scores(X, supports, np.arange(9))
    assert np.array_equal(PAIR.scores(X, supports[1:2], np.arange(9))[0], whole[1])


@pytest.mark.parametrize("kind", [PAIR, SINGLE], ids=lambda kind: kind.name)
def test_other_texts_are_refused(kind: object) -> None:
    X, texts = rows()
    assert kind in (PAIR, SINGLE)
    for wrong in (None, texts[:, :4], np.concatenate([texts, texts])):
        with pytest.raises(UsageError, match="support 0 has others"):
            (PAIR if kind is PAIR else SINGLE).scores(X, [Support(NOBODY, NOBODY, texts=wrong)], np.arange(2))


def test_rows_that_are_not_finite_are_refused() -> None:
    X, texts = rows()
    X[1, 0] = np.nan
    support = Support(NOBODY, NOBODY, texts=texts)
    with pytest.raises(UsageError, match="1 of 3 feature vectors hold NaN"):
        PAIR.scores(X, [support], np.arange(3))
    assert np.isfinite(PAIR.scores(X, [support], np.array([0, 2]))).all()
