"""torchvision: equal to torchvision called directly, weights from torch hub's cache, and what is not there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.embed.weights import weights_digest
from scanbank.store.errors import EncoderError, UnknownNameError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL = "mobilenet_v3_small"
FILE = "mobilenet_v3_small-047dcff4.pth"


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that torchvision keeps weights in, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def normalized(pixels: np.ndarray) -> torch.Tensor:
    mean, std = (torch.tensor(values).view(1, 3, *(1,) * (pixels.ndim - 2)) for values in (MEAN, STD))
    return (torch.from_numpy(pixels) - mean) / std


def given(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).random(shape, np.float32)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("resnet18", "fc"),
        ("mobilenet_v3_small", "classifier.3"),
        ("squeezenet1_1", "classifier.1"),
        ("swin_t", "head"),
        ("efficientnet_b0", "classifier.1"),
    ],
)
def test_features_are_what_the_classifier_is_given(name: str, head: str) -> None:
    encoder = open_encoder(f"torchvision:{name}+random3", device="cpu")
    torch.manual_seed(3)
    model: Any = models.get_model(name, weights=None).eval()
    model.set_submodule(head, nn.Identity())
    pixels = given(2, 3, 64, 64)
    with torch.no_grad():
        expected = model(normalized(pixels)).numpy()
    assert encoder.spec.dim == expected.shape[1]
    np.testing.assert_allclose(encoder.encode_slices(pixels).vector, expected, rtol=1e-4, atol=1e-5)
    assert encoder.view.size == (224, 224)
    assert encoder.size is None


def test_video_models_take_volumes() -> None:
    encoder = open_encoder("torchvision:r3d_18", random_weights=0, device="cpu")
    torch.manual_seed(0)
    model: Any = models.get_model("r3d_18", weights=None).eval()
    model.fc = nn.Identity()
    voxels = given(1, 1, 4, 16, 16)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1, 1) for v in (encoder.spec.mean, encoder.spec.std))
    with torch.no_grad():
        expected = model((torch.from_numpy(voxels) - mean) / std).numpy()
    np.testing.assert_allclose(encoder.encode_volumes(voxels).vector, expected, rtol=1e-4, atol=1e-5)
    assert encoder.view.shape == (64, 112, 112)
    assert encoder.view.spacing_mm == (5, 3, 3)


def test_tokens_of_a_vision_transformer() -> None:
    encoder = open_encoder("torchvision:vit_b_32+random0", device="cpu")
    assert isinstance(encoder, TorchEncoder)
    pixels = given(1, 3, 224, 224)
    found = encoder.encode_slices(pixels, layers=[2, 12])
    model: Any = encoder.model
    with torch.no_grad():
        tokens = model._process_input(normalized(pixels))
        tokens = torch.cat([model.class_token, tokens], dim=1) + model.encoder.pos_embedding
        outputs = [tokens := block(tokens) for block in model.encoder.layers]
        np.testing.assert_allclose(found.vector, model.encoder.ln(tokens)[:, 0].numpy(), atol=1e-5)
    assert found.tokens is not None
    assert (found.grid, encoder.blocks, encoder.size) == ((7, 7), 12, (224, 224))
    for layer, values in found.tokens.items():
        np.testing.assert_allclose(values, outputs[layer - 1][:, 1:].numpy(), atol=1e-5)


class TestWeights:
    def test_they_come_from_the_cache(self, checkpoints: Path) -> None:
        model: Any = models.get_model(SMALL, weights=None).eval()
        torch.save(model.state_dict(), checkpoints / FILE)
        encoder = open_encoder(f"torchvision:{SMALL}", device="cpu")
        named = open_encoder(f"torchvision:{SMALL}/IMAGENET1K_V1", device="cpu")
        model.classifier[3] = nn.Identity()
        assert encoder.spec.weights == named.spec.weights == weights_digest(model)
        assert (encoder.spec.name, named.spec.name) == (f"torchvision:{SMALL}", f"torchvision:{SMALL}/IMAGENET1K_V1")
        assert encoder.spec.mean == pytest.approx(MEAN)

    def test_older_names_of_densenet(self, checkpoints: Path) -> None:
        model: Any = models.get_model("densenet121", weights=None)
        old = {name.replace("norm1", "norm.1").replace("conv2", "conv.2"): tensor for name, tensor in model.state_dict().items()}
        torch.save(old, checkpoints / "densenet121-a639ec97.pth")
        model.classifier = nn.Identity()
        assert open_encoder("torchvision:densenet121", device="cpu").spec.weights == weights_digest(model)

    def test_what_is_not_there(self, checkpoints: Path) -> None:
        with pytest.raises(EncoderError) as caught:
            open_encoder("torchvision:resnet50/IMAGENET1K_V2")
        assert str(checkpoints / "resnet50-11ad3fa6.pth") in str(caught.value)
        assert "download https://download.pytorch.org/models/resnet50-11ad3fa6.pth to there" in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("resnet19", "did you mean 'resnet18'"),
            ("resnet50/IMAGENET1K_V3", "did you mean 'IMAGENET1K_V"),
            ("r3d_19", "did you mean 'r3d_18'"),
        ],
    )
    def test_names(self, name: str, message: str) -> None:
        with pytest.raises(UnknownNameError, match=message):
            open_encoder(f"torchvision:{name}")

    def test_another_architecture_or_a_damaged_file(self, checkpoints: Path) -> None:
        torch.save({"conv.weight": torch.ones(3)}, checkpoints / FILE)
        with pytest.raises(EncoderError, match=r"weights in .*047dcff4.pth cannot be loaded") as caught:
            open_encoder(f"torchvision:{SMALL}")
        assert "\n" not in str(caught.value)
        (checkpoints / FILE).write_bytes(b"not weights at all")
        with pytest.raises(EncoderError, match="cannot be loaded"):
            open_encoder(f"torchvision:{SMALL}")

    def test_a_pickle_is_not_executed(self, checkpoints: Path, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "sprung",)

        torch.save({"conv.weight": Trap()}, checkpoints / FILE, pickle_module=pickle)
        with pytest.raises(EncoderError, match="cannot be loaded"):
            open_encoder(f"torchvision:{SMALL}")
        assert not (tmp_path / "sprung").exists()
