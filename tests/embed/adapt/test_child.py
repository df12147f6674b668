"""A parent and an adapter make a child: the same vectors as the model that was trained gives, and only of that parent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adapted_encoders import LORA, UPPER, adapted
from scanbank.embed import open_encoder
from scanbank.embed.adapt.artifact import Artifact, write_artifact
from scanbank.embed.adapt.child import child_of, is_mergeable
from scanbank.embed.adapt.fit import backbone_of
from scanbank.embed.adapt.methods.base import changed
from scanbank.embed.adapt.methods.kinds import METHODS
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.store.errors import EncoderError

TEXTS = ["A nodule in the left lung.", "No effusion."]
ADAPTERS = Moving("adapters", sides=("text",), bottleneck=3)
IMAGES = Moving("lora", sides=("image",), rank=2)


def _opened(uri: str = "tiny@1") -> TorchEncoder:
    found = open_encoder(uri)
    assert isinstance(found, TorchEncoder)
    return found


@pytest.mark.parametrize("moving", [LORA, UPPER, ADAPTERS, Moving("full", sides=("text",))], ids=lambda moving: moving.method)
def test_it_gives_the_vectors_of_the_model_that_was_trained(moving: Moving) -> None:
    artifact = adapted("one", moving=moving)
    trained = _opened()
    METHODS[moving.method].prepare(backbone_of(trained), moving)
    with torch.no_grad():
        for name, parameter in changed(trained.model).items():
            parameter.copy_(artifact.tensors[name])
    trained.model.eval()
    child = child_of(_opened(), artifact)
    given = child.encode_texts(TEXTS).vector
    torch.backends.mha.set_fastpath_enabled(value=False)  # it would pass over what LoRA put into attention
    try:
        expected = trained.encode_texts(TEXTS).vector
    finally:
        torch.backends.mha.set_fastpath_enabled(value=True)
    assert np.abs(given - expected).max() < 1e-5
    assert np.abs(given - _opened().encode_texts(TEXTS).vector).max() > 1e-3
    assert child.spec == artifact.spec
    assert not any(parameter.requires_grad for parameter in child.model.parameters())
    assert is_mergeable(moving) == (moving.method != "adapters")


def test_views_depth_and_the_other_side_are_the_parents() -> None:
    parent = _opened()
    child = child_of(_opened(), adapted("one", moving=IMAGES))
    assert (child.view, child.offers, child.gives_depth, child.towers) == (parent.view, parent.offers, True, parent.towers)
    assert np.array_equal(child.encode_texts(TEXTS).vector, parent.encode_texts(TEXTS).vector)
    voxels = np.random.default_rng(0).normal(size=(1, 1, 16, 32, 32)).astype(np.float32)
    ours, theirs = child.encode_volumes(voxels), parent.encode_volumes(voxels)
    assert np.abs(ours.vector - theirs.vector).max() > 1e-3
    assert ours.depth is not None
    assert child.note == parent.note


def test_its_scale_is_that_of_its_card_in_the_model_too() -> None:
    child = child_of(_opened(), adapted("one", logit_scale=7.0, logit_bias=-1.5))
    assert (child.spec.logit_scale, child.spec.logit_bias) == (7.0, -1.5)
    parameters = dict(child.model.named_parameters())
    assert float(parameters["log_scale"].exp()) == pytest.approx(7.0)
    assert float(parameters["bias"]) == -1.5


def test_a_parent_whose_weights_changed_is_refused() -> None:
    artifact = adapted("one")
    other = _opened("tiny@1+random3")
    with pytest.raises(EncoderError, match=r"expected 'tiny@1' of digest .* found 'tiny@1\+random3'"):
        child_of(other, artifact)
    other.spec = replace(other.spec, name="tiny@1")
    expected, found = artifact.card.parent.weights[:12], other.spec.weights[:12]
    with pytest.raises(EncoderError, match=f"parent's weights changed: expected sha256 {expected}, found {found}; give the parent"):
        child_of(other, artifact)


def test_a_parent_that_does_not_run_here_is_refused() -> None:
    intensity = open_encoder("intensity")
    artifact = adapted("one")
    with pytest.raises(EncoderError, match="which does not run here as a torch model"):
        child_of(intensity, replace(artifact, card=replace(artifact.card, parent=intensity.spec)))


@pytest.mark.parametrize(
    ("change", "told"),
    [({"method": "lara"}, "method 'lara' is unknown"), ({"method": "lora", "rank": 10**9}, "no tensor of its adapter is of rank"),
     ({"method": "lora", "sides": ("text",), "rank": 8}, "no tensor of its adapter is of rank 8")],
    ids=["method", "huge", "rank"],
)  # fmt: skip
def test_a_card_that_does_not_fit_its_adapter_is_refused_before_memory_is_taken(change: dict[str, object], told: str) -> None:
    artifact = adapted("one", moving=LORA)
    card = replace(artifact.card, moving=replace(artifact.card.moving, **change))
    with pytest.raises(EncoderError, match=told):
        child_of(_opened(), replace(artifact, card=card))


def test_an_adapter_of_other_shapes_is_refused() -> None:
    artifact = adapted("one")
    name = next(iter(artifact.tensors))
    wrong = Artifact.made(artifact.card, {**artifact.tensors, name: torch.zeros(3, 3)})
    with pytest.raises(EncoderError, match=r"its adapter does not fit 'tiny@1' \(the adapter has .* of shape \(3, 3\)"):
        child_of(_opened(), wrong)


def test_folders_open_by_uri_with_a_precision_and_their_children_too(tmp_path: Path) -> None:
    first = adapted("first", moving=LORA)
    write_artifact(tmp_path / "a", first)
    child = _opened(f"adapted:{tmp_path / 'a'}")
    assert child.spec == first.spec
    assert _opened(f"adapted:{tmp_path / 'a'}+bf16").spec.name == "adapted:first+bf16"
    assert _opened(f"adapted:{tmp_path / 'a'},tiny@1").spec == first.spec
    second = adapted("second", f"adapted:{tmp_path / 'a'}", UPPER, seed=1)
    write_artifact(tmp_path / "b", second)
    grandchild = _opened(f"adapted:{tmp_path / 'b'}")
    assert (grandchild.spec.parent, grandchild.spec.weights) == (first.spec.digest, first.card.parent.weights)
    assert np.abs(grandchild.encode_texts(TEXTS).vector - child.encode_texts(TEXTS).vector).max() > 1e-3


def test_a_folder_that_names_itself_or_runs_code_is_not_followed(tmp_path: Path) -> None:
    artifact = adapted("one")
    write_artifact(tmp_path / "loop", replace(artifact, card=replace(artifact.card, uri=f"adapted:{tmp_path / 'loop'}")))
    with pytest.raises(EncoderError, match="cannot be put into 'adapted:one'"):
        open_encoder(f"adapted:{tmp_path / 'loop'}")
    write_artifact(tmp_path / "code", replace(artifact, card=replace(artifact.card, uri="module:os.path:join")))
    with pytest.raises(EncoderError, match=r"it runs code of others; .* Say where its parent is: 'adapted:.*code,URI'"):
        open_encoder(f"adapted:{tmp_path / 'code'}")
