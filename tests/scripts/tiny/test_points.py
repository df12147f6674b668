"""The encoder at a point between a parent and its child."""

from __future__ import annotations

import numpy as np
import torch

from adapted_encoders import UPPER, adapted
from scanbank.embed import open_encoder
from scanbank.embed.adapt.opening import kept_named
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.eval.children import keep_child
from scanbank.eval.wise_run import Way
from scanbank.scripts.tiny.points import at
from scanbank.store import Bank
from scanbank.store.specs import ViewSpec


def test_halfway_lies_the_mean_of_both(bank: Bank) -> None:
    artifact = adapted("child", moving=UPPER, view=ViewSpec())
    keep_child(bank, artifact, [])
    way = Way(bank, kept_named(bank, "child"), lambda: open_encoder("tiny@1", device="cpu"))
    half, whole = at(way, 0.5), at(way, 1.0)
    parent = open_encoder("tiny@1", device="cpu")
    assert isinstance(parent, TorchEncoder)
    assert whole.spec.adapter == artifact.sha256
    assert artifact.tensors
    for name, moved in artifact.tensors.items():
        before = parent.model.get_parameter(name)
        torch.testing.assert_close(half.model.get_parameter(name), (before + moved) / 2)
        torch.testing.assert_close(whole.model.get_parameter(name), moved)
    texts = ["No pleural effusion."]
    assert not np.allclose(half.encode_texts(texts).vector, whole.encode_texts(texts).vector)
