from __future__ import annotations

import json
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch

from scanbank.embed.block_tokens import Blocks, captured
from scanbank.embed.encoders.timm_models import vit_blocks
from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import Features, TorchEncoder
from scanbank.store.errors import EncoderError, UsageError
from scanbank.store.specs import EncoderSpec, ViewSpec

CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 48, "layers": 3, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def pixels(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(3).random((count, 3, size, size), np.float32)


def test_tokens_of_timm_are_its_intermediate_features() -> None:
    encoder = open_encoder("timm:test_vit+random0", device="cpu")
    torch.manual_seed(0)
    model: Any = timm.create_model("test_vit", num_classes=0).eval()
    given = pixels(2, 160)
    with torch.no_grad():
        expected = model.forward_intermediates((torch.from_numpy(given) - 0.5) / 0.5, intermediates_only=True, output_fmt="NLC")
    found = encoder.encode_slices(given, layers=range(1, encoder.blocks + 1))
    assert found.tokens is not None
    assert found.grid == (10, 10)
    assert list(found.tokens) == list(range(1, len(expected) + 1))
    for layer, values in enumerate(expected, 1):
        np.testing.assert_allclose(found.tokens[layer], values.numpy(), atol=1e-5)
    np.testing.assert_array_equal(found.vector, encoder.encode_slices(given).vector)


@pytest.mark.parametrize(
    ("name", "options", "prefix"),
    [
        ("beit_base_patch16_224", {"embed_dim": 24, "num_heads": 2}, 1),
        ("vit_relpos_small_patch16_224", {"embed_dim": 24, "num_heads": 2}, 0),
        ("vit_relpos_base_patch16_clsgap_224", {"embed_dim": 24, "num_heads": 2}, 1),
        ("cait_xxs24_224", {"embed_dim": 24, "num_heads": 2}, 0),
        ("xcit_nano_12_p16_224", {"embed_dim": 32, "num_heads": 2}, 0),
    ],
)
def test_tokens_of_other_transformers_of_timm(name: str, options: dict[str, Any], prefix: int) -> None:
    model: Any = timm.create_model(name, num_classes=0, depth=2, **options).eval()
    blocks = vit_blocks(model)
    assert blocks is not None
    assert (len(blocks.modules), blocks.grid, blocks.prefix) == (2, (14, 14), prefix)
    given = torch.from_numpy(pixels(2, 224))
    with torch.inference_mode():
        with captured(blocks, [1, 2]) as found:
            model(given)
        expected = model.forward_intermediates(given, norm=False, intermediates_only=True, output_fmt="NLC")
    for layer, values in enumerate(expected, 1):
        torch.testing.assert_close(found[layer], values)


def test_blocks_that_are_no_sequence_of_tokens_are_not_offered() -> None:
    assert vit_blocks(timm.create_model("volo_d1_224", num_classes=0)) is None


def test_tokens_of_open_clip_are_its_intermediate_features(tmp_path) -> None:
    (tmp_path / "scanbank-block-clip.json").write_text(json.dumps(CLIP))
    open_clip.add_model_config(tmp_path / "scanbank-block-clip.json")
    encoder = open_encoder("open_clip:scanbank-block-clip+random0", device="cpu")
    given = pixels(2, 48)
    found = encoder.encode_slices(given, layers=[3, 1])
    model: Any = encoder.model  # pyright: ignore[reportAttributeAccessIssue]
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (encoder.spec.mean, encoder.spec.std))
    with torch.no_grad():
        said = model.visual.forward_intermediates((torch.from_numpy(given) - mean) / std, normalize_intermediates=False, output_fmt="NLC")
    assert found.tokens is not None
    assert found.grid == (3, 3)
    assert sorted(found.tokens) == [1, 3]
    for layer, values in found.tokens.items():
        np.testing.assert_allclose(values, said["image_intermediates"][layer - 1].numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("uri", "layer", "message"), [("timm:test_resnet+random0", 1, "gives no tokens"), ("timm:test_vit+random0", 9, "found layer 9")]
)
def test_blocks_that_are_not_there(uri: str, layer: int, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        open_encoder(uri, device="cpu").encode_slices(pixels(1, 160), layers=[layer])


def test_a_grid_that_does_not_fit_is_told() -> None:
    block = torch.nn.Identity()
    with pytest.raises(ValueError, match=r"shape \(2, 5, 3\); expected 0 \+ 2 x 3 tokens"), captured(Blocks((block,), (2, 3)), [1]):
        block(torch.zeros(2, 5, 3))
    with captured(Blocks((block,), (2, 2), prefix=1, batch_first=False), [1]) as found:
        block(torch.arange(30.0).view(5, 2, 3))
    assert found[1].shape == (2, 4, 3)
    assert found[1][1, 0].tolist() == [9, 10, 11]


@pytest.mark.parametrize("precision", [pytest.param("bf16", marks=pytest.mark.slow), "fp16"])
def test_half_precision_has_a_name_of_its_own_and_is_near(precision: str, tmp_path) -> None:
    (tmp_path / "scanbank-half-clip.json").write_text(json.dumps(CLIP | {"quick_gelu": True}))
    open_clip.add_model_config(tmp_path / "scanbank-half-clip.json")
    exact, half = (open_encoder(f"open_clip:scanbank-half-clip+random1{suffix}", device="cpu") for suffix in ("", f"+{precision}"))
    assert half.spec.name == f"{exact.spec.name}+{precision}"
    assert half.spec.weights == exact.spec.weights
    assert half.spec.digest != exact.spec.digest
    given = pixels(2, 48)
    one, other = exact.encode_slices(given).vector, half.encode_slices(given).vector
    assert 0 < np.abs(one - other).max() < 1e-2
    np.testing.assert_allclose(np.linalg.norm(other, axis=1), 1, atol=1e-5)


def test_what_computes_in_numpy_has_one_precision() -> None:
    with pytest.raises(UsageError, match="computes in float32 alone"):
        open_encoder("intensity+bf16")


def test_what_an_encoder_gives_holds_no_more_memory_than_it_needs() -> None:
    """A view of a larger tensor would keep all of it for as long as vectors wait to be committed."""
    model = torch.nn.Linear(2, 2)

    def depths(voxels: torch.Tensor) -> Features:
        large = torch.ones(len(voxels), 1000, 4)
        return Features(large[:, 0], large[:, 5:8], torch.ones(len(voxels), 3, dtype=torch.bool))

    encoder = TorchEncoder(
        EncoderSpec("views", "1", 4, mean=(0.0,), std=(1.0,)), ViewSpec(), model, torch.device("cpu"), volumes=depths, gives_depth=True
    )
    found = encoder.encode_volumes(np.zeros((2, 1, 3, 4, 4), np.float32))
    for part in (found.vector, found.depth):
        assert part is not None
        tensor = part.base
        assert isinstance(tensor, torch.Tensor)
        assert tensor.untyped_storage().nbytes() == part.nbytes
