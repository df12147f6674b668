from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.registry import open_encoder
from scanbank.eval.prompt_vectors import class_vectors, keep_prompts, prompt_vectors
from scanbank.eval.prompts import Prompts
from scanbank.store import Bank, EncoderSpec, ViewSpec

BLEED = Prompts("bleed", ("blood", "a bleed"), ("no blood",))


class Plane(Encoder):
    """Texts of two numbers are vectors."""

    def __init__(self) -> None:
        self.spec, self.view, self.channels, self.offers = EncoderSpec("plane", "1", 2), ViewSpec(), frozenset({1}), frozenset({"text"})
        self.texts: list[str] = []

    def _encode(self, side: Any, batch: Any) -> Encoded:
        assert side == "text"
        self.texts += batch
        return Encoded(np.array([[float(number) for number in text.split()] for text in batch], dtype=np.float32))


def test_an_ensemble_by_hand() -> None:
    """(3, 4) and (5, 0) are (0.6, 0.8) and (1, 0) of unit length; their mean is (0.8, 0.4), whose length is the root of 0.8."""
    prompts = Prompts("x", ("3 4", "5 0"), ("0 -2",))
    vectors = {row["prompt"]: np.array([float(n) for n in row["text"].split()], dtype=np.float32) for row in prompts.rows}
    expected = [[0.0, -1.0], [2 / np.sqrt(5), 1 / np.sqrt(5)]]
    assert class_vectors(prompts, vectors) == pytest.approx(np.array(expected), abs=1e-15)
    assert class_vectors(Prompts("x", prompts.present), vectors) == pytest.approx(np.array(expected[1:]), abs=1e-15)


def test_each_text_is_encoded_once(bank: Bank) -> None:
    encoder, first = Plane(), Prompts("x", ("3 4", "5 0"), ("0 -2",))
    made = prompt_vectors(bank, encoder, [first])
    assert encoder.texts == ["0 -2", "3 4", "5 0"]
    for _ in range(2):  # the second time there is nothing new
        with bank.commit("prompts") as commit:
            keep_prompts(bank, commit, [first], [(encoder, made)])
        bank.refresh()
        assert bank.features("plane/prompt").rows == 3
    more = Prompts("x", ("1 1", "5 0"), ("0 -2",))
    encoder.texts.clear()
    again = prompt_vectors(bank, encoder, [more, Prompts("y", ("5 0",))])
    assert encoder.texts == ["1 1", "5 0"]  # of another finding it is another prompt
    assert {row["text"]: again[row["prompt"]].tolist() for row in more.rows} == {"0 -2": [0, -2], "1 1": [1, 1], "5 0": [5, 0]}
    with bank.commit("prompts") as commit:
        keep_prompts(bank, commit, [more], [(encoder, again)])
    bank.refresh()
    rows = bank.sql("SELECT text, ordinal FROM prompts ORDER BY text").to_pylist()
    assert [row["text"] for row in rows] == ["0 -2", "1 1", "3 4", "5 0"]
    held = bank.features("plane/prompt").of(np.array([row["ordinal"] for row in rows]))
    assert held.tolist() == [[0, -2], [1, 1], [3, 4], [5, 0]]


def test_a_second_encoder_gets_the_same_prompts(bank: Bank) -> None:
    tiny, plane = open_encoder("tiny", device="cpu"), Plane()
    numbers = Prompts("x", ("3 4",), ("1 2",))
    for encoder in (plane, tiny):
        made = prompt_vectors(bank, encoder, [numbers])
        with bank.commit("prompts") as commit:
            keep_prompts(bank, commit, [numbers], [(encoder, made)])
        bank.refresh()
    assert bank.sql("SELECT count(*) AS n FROM prompts").to_pylist() == [{"n": 2}]
    assert [bank.features(f"{name}/prompt").rows for name in ("plane", tiny.spec.name)] == [2, 2]


def test_a_vector_does_not_depend_on_the_texts_beside_it(bank: Bank) -> None:
    tiny = open_encoder("tiny", device="cpu")
    alone = prompt_vectors(bank, tiny, [Prompts("bleed", ("blood",))])
    beside = prompt_vectors(bank, tiny, [Prompts("mass", ("a large mass in the upper lobe of the left lung",)), BLEED])
    for prompt, vector in alone.items():
        assert np.array_equal(beside[prompt], vector)
