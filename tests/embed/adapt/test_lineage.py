"""The tree of encoders that a bank knows: parents before children, with what is known of each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from adapted_encoders import LORA, adapted
from eval_banks import add_vectors, add_volumes
from scanbank.embed import open_encoder
from scanbank.embed.adapt.lineage import UNKNOWN, children_of, lineage
from scanbank.eval.children import keep_child
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import BankDamagedError

VIEW = ViewSpec((Window(0, 80),))


def test_a_bank_without_encoders_has_no_lineage(bank: Bank) -> None:
    assert lineage(bank) == []


def test_everything_known_of_each_encoder_parents_first(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1", "p2"])
    child = adapted("child", moving=LORA, epochs=[{"epoch": 1, "loss": 0.7}, {"epoch": 2, "loss": 0.4, "score": 0.9}], best=2)
    spec = keep_child(bank, child, ["v0", "v1"])
    key = FeatureKey("volume", spec, VIEW)
    add_vectors(bank, key, ordinals[:2], np.zeros((2, spec.dim)) + 1)
    bank.alias("production", key.name)
    orphan = EncoderSpec("lost", "1", 4, parent="0123456789", adapter="ff")
    add_vectors(bank, FeatureKey("volume", orphan, VIEW), ordinals, np.ones((3, 4)))
    members = lineage(bank)
    assert [(one.name, one.parent) for one in members] == [
        ("tiny@1", ""), ("adapted:child", child.card.parent.digest), (UNKNOWN, ""), ("lost", "0123456789")
    ]  # fmt: skip
    root, one, _, lost = members
    assert (root.method, root.adapter, root.kept, root.sets) == ("", "", False, ())
    assert (one.encoder, one.method, one.kept, one.trained_items, one.epochs) == (spec.digest, "lora", True, 2, 2)
    assert one.best == {"epoch": 2, "loss": 0.4, "score": 0.9}
    assert one.data == {"split": "split-a", "train": 6, "val": 2}
    assert [(s.name, s.kind, s.vectors, s.aliases) for s in one.sets] == [(key.name, "volume", 2, ("production",))]
    assert (lost.kept, lost.adapter) == (False, "ff")
    assert children_of(members, root.encoder) == [one]


@pytest.mark.parametrize(
    "said",
    [
        {"objective": {"findings": 7}},
        {"objective": {"learns": ["labels"]}},
        {"data": {"split": ["a"]}},
        {"epochs": [{"epoch": 1, "loss": "low"}]},
        {"epochs": [{"epoch": 1, "score": {}}]},
        {"epochs": "none"},
    ],
)
def test_a_card_of_other_kinds_costs_what_it_says(bank: Bank, said: dict[str, Any]) -> None:
    spec = keep_child(bank, adapted("child", moving=LORA), [])
    (row,) = [row for row in bank.snapshot.rows("encoders") if row["encoder"] == spec.digest]
    edited = row | {"card": json.dumps(json.loads(row["card"]) | said)}
    with bank.commit("edited") as commit:
        commit.append("encoders", [{name: value for name, value in edited.items() if name != "seq"}])
    bank.refresh()
    (_, child) = lineage(bank)
    assert (child.name, child.method, child.objective, child.epochs) == ("adapted:child", "", {}, 0)


def test_rows_that_make_encoders_each_others_parents_are_refused(bank: Bank) -> None:
    one, two = EncoderSpec("one", "1", 4, parent="f" * 32), EncoderSpec("two", "1", 4)
    with bank.commit("a table that was edited") as commit:  # a digest is of the parent's digest, too: no true row makes a circle
        rows = ({"encoder": spec.digest, "name": spec.name, "parent": of.digest} for spec, of in ((one, two), (two, one)))
        commit.append("encoders", [row | {"spec": json.dumps(one.to_dict())} for row in rows])
    bank.refresh()
    with pytest.raises(BankDamagedError, match="the row of 'two' describes another encoder"):
        lineage(bank)


def test_parents_that_come_along_have_their_names(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0"])
    spec = open_encoder("tiny-vocabfine", device="cpu").spec
    add_vectors(bank, FeatureKey("volume", spec, VIEW), ordinals, np.ones((1, spec.dim)))
    assert [one.name for one in lineage(bank)] == ["tiny@1", "tiny@2", "tiny-vocabfine@1"]
