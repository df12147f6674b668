"""What each method moves in each kind of architecture, and that what it keeps makes the trained model again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from scanbank.embed.adapt.methods.base import changed
from scanbank.embed.adapt.methods.kinds import METHODS, method_named
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.store.errors import UnknownNameError, UsageError
from small_towers import backbone, image_vectors, side_vectors, small_encoder, untyped

BOTH = ("image", "text")
CASES = [
    *((kind, Moving("lora", rank=2)) for kind in ("ctclip", "vit", "resnet")),
    *((kind, Moving("lora", BOTH, rank=2)) for kind in ("tiny", "open_clip", "siglip")),
    *((kind, Moving("partial", layers="lower:0.5")) for kind in ("ctclip", "resnet")),
    *((kind, Moving("adapters", bottleneck=3)) for kind in ("vit", "ctclip")),
    ("open_clip", Moving("adapters", BOTH, bottleneck=3)),
    ("tiny", Moving("adapters", ("text",), bottleneck=3)),
    ("tiny", Moving("full", BOTH)),
    ("resnet", Moving("full")),
]


def train(encoder: TorchEncoder, kind: str, modules: Sequence[nn.Module], sides: Sequence[str]) -> None:
    """Three steps away from where it is."""
    for module in modules:
        module.training = True
    moving = [parameter for parameter in encoder.model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(moving, lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        vectors = side_vectors(encoder, kind, sides)
        (vectors * torch.linspace(-1, 1, vectors.shape[1])).sum().backward()
        torch.nn.utils.clip_grad_norm_(moving, 0.5)
        optimizer.step()
    encoder.model.eval()


@pytest.mark.parametrize(("kind", "moving"), CASES, ids=lambda one: one if isinstance(one, str) else f"{one.method}-{'-'.join(one.sides)}")
def test_what_is_kept_makes_the_trained_model_again(kind: str, moving: Moving, tmp_path: Path) -> None:
    encoder, method = small_encoder(kind, tmp_path), method_named(moving.method)
    parent = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    with torch.no_grad():
        before = side_vectors(encoder, kind, moving.sides)
    modules = method.prepare(backbone(encoder), moving)
    with torch.no_grad():
        assert torch.allclose(side_vectors(encoder, kind, moving.sides), before, atol=1e-6)  # nothing has changed yet
    still = {name: value.clone() for name, value in encoder.model.state_dict().items() if name not in changed(encoder.model)}
    train(encoder, kind, modules, moving.sides)
    now = encoder.model.state_dict()
    assert all(torch.equal(now[name], value) for name, value in still.items())  # statistics of batches too
    kept = {name: value.clone() for name, value in changed(encoder.model).items()}
    with torch.no_grad():
        trained = side_vectors(encoder, kind, moving.sides)
        assert (trained - before).abs().max() > 1e-3
        child = small_encoder(kind, tmp_path)
        method.restore(backbone(child), moving, kept)
        assert not child.model.training
        torch.testing.assert_close(side_vectors(child, kind, moving.sides), trained, atol=2e-5, rtol=1e-4)
    assert not any(parameter.requires_grad for parameter in child.model.parameters())
    if method.mergeable:
        assert {name: value.shape for name, value in child.model.state_dict().items()} == {name: v.shape for name, v in parent.items()}
    else:
        assert set(parent) < set(child.model.state_dict())


@pytest.mark.parametrize(
    ("kind", "moving", "roots"),
    [
        ("ctclip", Moving("partial", layers="upper:1"), ("enc_spatial_transformer.layers.1.", "enc_temporal_transformer.layers.0.")),
        ("open_clip", Moving("partial", ("text",), layers="transformer.resblocks.1"), ("transformer.resblocks.1.",)),
        ("siglip", Moving("full", ("text",)), ("text_model.",)),
        (
            "open_clip",
            Moving("full", ("text",)),
            ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection"),
        ),
    ],
)
def test_only_what_is_named_trains(kind: str, moving: Moving, roots: tuple[str, ...], tmp_path: Path) -> None:
    encoder = small_encoder(kind, tmp_path)
    method_named(moving.method).prepare(backbone(encoder), moving)
    names = {name.removeprefix("visual_transformer.") for name in changed(encoder.model)}
    assert names
    assert all(name.startswith(roots) for name in names)
    assert {root for root in roots for name in names if name.startswith(root)} == set(roots)


def test_updates_of_one_side_leave_the_other(tmp_path: Path) -> None:
    """The names of CLIP's text side are the ends of those of its image side."""
    encoder = small_encoder("open_clip", tmp_path)
    METHODS["lora"].prepare(backbone(encoder), Moving(sides=("text",), rank=2))
    assert changed(encoder.model)
    assert not [name for name in changed(encoder.model) if name.startswith("visual")]


def test_every_projection_gets_an_update(tmp_path: Path) -> None:
    encoder = small_encoder("open_clip", tmp_path)
    METHODS["lora"].prepare(backbone(encoder), Moving(layers="visual.transformer.resblocks.0", rank=2))
    found = {name.removeprefix("visual.transformer.resblocks.0."): tuple(value.shape) for name, value in changed(encoder.model).items()}
    width, inner = 64, 256
    assert found == {
        "attn.parametrizations.in_proj_weight.0.lora_A": (2, width),
        "attn.parametrizations.in_proj_weight.0.lora_B": (3 * width, 2),
        "attn.out_proj.parametrizations.weight.0.lora_A": (2, width),
        "attn.out_proj.parametrizations.weight.0.lora_B": (width, 2),
        "mlp.c_fc.lora_A.default.weight": (2, width),
        "mlp.c_fc.lora_B.default.weight": (inner, 2),
        "mlp.c_proj.lora_A.default.weight": (2, inner),
        "mlp.c_proj.lora_B.default.weight": (width, 2),
    }


def test_attention_is_as_it_was_after_many_passes(tmp_path: Path) -> None:
    """Adding an update and taking it away again would leave other weights each time."""
    encoder = small_encoder("open_clip", tmp_path)
    METHODS["lora"].prepare(backbone(encoder), Moving(rank=2))
    for value in changed(encoder.model).values():
        value.normal_()
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    for _ in range(5):
        image_vectors(encoder, "open_clip").sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in encoder.model.state_dict().items())


def test_dropout_is_before_updates_in_training_alone(tmp_path: Path) -> None:
    encoder = small_encoder("siglip", tmp_path)
    modules = METHODS["lora"].prepare(backbone(encoder), Moving(rank=2, dropout=0.5))
    for value in changed(encoder.model).values():
        value.normal_()
    with torch.no_grad():
        assert torch.equal(image_vectors(encoder, "siglip"), image_vectors(encoder, "siglip"))
        for module in modules:
            module.training = True
        assert not torch.equal(image_vectors(encoder, "siglip"), image_vectors(encoder, "siglip"))
    assert {type(module) for module in modules} <= {nn.Dropout, nn.ModuleDict}


def test_gradients_go_through_the_codebook(tmp_path: Path) -> None:
    """Straight through: what comes before has the gradients that it would have if its tokens were those of the codebook."""
    encoder = small_encoder("ctclip", tmp_path)
    METHODS["full"].prepare(backbone(encoder), Moving("full"))
    model, kept = untyped(encoder), list[Tensor]()
    model.visual_transformer.vq.register_forward_hook(lambda _, given, output: kept.extend((given[0], output)))
    codes = model.visual_transformer.vq._codebook.embed.clone()
    vectors = image_vectors(encoder, "ctclip")
    kept[0].retain_grad()
    kept[1].retain_grad()
    vectors[:, 0].sum().backward()
    assert torch.equal(kept[0].grad, kept[1].grad)  # pyright: ignore[reportArgumentType]
    without = {name for name, value in model.named_parameters() if value.requires_grad and (value.grad is None or not value.grad.any())}
    # null_kv is empty; the first frame's embedding is never used, of the published model either
    assert {name for name in without if "to_patch_emb_first_frame" not in name and "null_kv" not in name} == set()
    assert torch.equal(model.visual_transformer.vq._codebook.embed, codes)


def test_an_adapter_of_another_parent_is_told(tmp_path: Path) -> None:
    encoder = small_encoder("ctclip", tmp_path)
    with pytest.raises(
        UsageError, match=r"the adapter has 'nothing' of shape \(2,\), the model no parameter of that name: it is of another"
    ):
        METHODS["partial"].restore(backbone(encoder), Moving("partial"), {"nothing": torch.zeros(2)})
    with pytest.raises(UsageError, match=r"the adapter has 'temperature' of shape \(2,\), the model of shape \(\)"):
        METHODS["full"].restore(backbone(encoder), Moving("full"), {"temperature": torch.zeros(2)})


@pytest.mark.parametrize("method", ["lora", "adapters"])
def test_an_adapter_that_is_not_whole_is_told(method: str, tmp_path: Path) -> None:
    encoder, child = (small_encoder("ctclip", tmp_path) for _ in range(2))
    METHODS[method].prepare(backbone(encoder), Moving(method))
    kept = changed(encoder.model)
    (gone, *_) = list(kept)
    with pytest.raises(UsageError, match=f"the adapter lacks 1 of its tensors, such as '{gone}'"):
        METHODS[method].restore(backbone(child), Moving(method), {name: value for name, value in kept.items() if name != gone})


def test_what_a_model_cannot_take(tmp_path: Path) -> None:
    resnet, vit = (backbone(small_encoder(kind, tmp_path)) for kind in ("resnet", "vit"))
    with pytest.raises(UsageError, match=r"is no transformer's, and adapters come after those; methods that fit: lora, partial, full"):
        METHODS["adapters"].prepare(resnet, Moving("adapters"))
    with pytest.raises(UsageError, match="has no text side to adapt; leave it out"):
        METHODS["lora"].prepare(vit, Moving(sides=("text",)))
    with pytest.raises(UsageError, match="side 'words' is unknown"):
        METHODS["full"].prepare(vit, Moving("full", ("words",)))
    for wrong, says in ((Moving(rank=0), "--rank 0"), (Moving(dropout=1.0), "--dropout 1.0"), (Moving("adapters", bottleneck=0), "--bott")):
        with pytest.raises(UsageError, match=says):
            method_named(wrong.method).prepare(vit, wrong)
    with pytest.raises(UnknownNameError, match="did you mean 'adapters'"):
        method_named("adapter")


def test_adapters_after_adapters_are_both_there(tmp_path: Path) -> None:
    """A child that is adapted again in the same way."""
    moving, method = Moving("adapters", bottleneck=3), METHODS["adapters"]
    child, grandchild = (small_encoder("vit", tmp_path) for _ in range(2))
    kept: list[dict[str, Tensor]] = []
    for generation in range(2):
        modules = method.prepare(backbone(child), moving)
        train(child, "vit", modules, moving.sides)
        kept.append({name: value.clone() for name, value in changed(child.model).items()})
        child.model.requires_grad_(requires_grad=False)
        assert all(("block_adapter1." in name) == bool(generation) for name in kept[generation])
    for tensors in kept:
        method.restore(backbone(grandchild), moving, tensors)
    grandchild.model.eval()
    with torch.no_grad():
        assert torch.equal(side_vectors(grandchild, "vit", moving.sides), side_vectors(child, "vit", moving.sides))
