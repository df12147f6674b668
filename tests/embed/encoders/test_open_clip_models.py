"""open_clip: folders of this machine, names that are none, and what is told where a tokenizer is lacking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from encoder_zoo import TINY_CLIP
from scanbank.embed.named import bank_name
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError, UsageError


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def model_folder(folder: Path, **text: Any) -> tuple[Path, Any]:
    """A tiny model as open_clip saves one, and the model."""
    folder.mkdir()
    config = {"model_cfg": TINY_CLIP, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model: Any = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    said = {**config, "model_cfg": {**TINY_CLIP, "text_cfg": {**TINY_CLIP["text_cfg"], **text}}}
    (folder / "open_clip_config.json").write_text(json.dumps(said))
    return folder, model


def test_a_folder_is_the_model_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, model = model_folder(tmp_path / "my clip")
    encoder = open_encoder(f"open_clip:local-dir:{folder}", device="cpu")
    assert (encoder.spec.name, encoder.spec.mean) == ("open_clip:local-dir:my clip", (0.5, 0.4, 0.3))
    assert bank_name(f"open_clip:local-dir:{folder}+bf16") == "open_clip:local-dir:my clip+bf16"
    pixels = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    normal = (torch.from_numpy(pixels) - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / 0.2
    with torch.no_grad():
        np.testing.assert_allclose(encoder.encode_slices(pixels).vector, model.encode_image(normal, normalize=True).numpy(), atol=1e-5)
    assert encoder.encode_texts(["clear lungs"]).vector.shape == (1, 24)
    monkeypatch.chdir(tmp_path)
    assert open_encoder("open_clip:local-dir:my clip", device="cpu").spec == encoder.spec
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"is not whole: .*my clip holds no weights such as open_clip_model.safetensors"):
        open_encoder("open_clip:local-dir:my clip", device="cpu")
    assert open_encoder("open_clip:local-dir:my clip+random1", device="cpu").spec.name == "open_clip:local-dir:my clip+random1"
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(EncoderError, match=r"my clip holds no open_clip_config.json and no weights"):
        open_encoder("open_clip:local-dir:my clip", device="cpu")


@pytest.mark.parametrize("name", ["local-dir:", "local-dir:/not/there"])
def test_no_such_folder(name: str) -> None:
    with pytest.raises(EncoderError, match=r"there is no folder .*; write open_clip:local-dir:FOLDER"):
        open_encoder(f"open_clip:{name}", device="cpu")


def test_a_damaged_folder_costs_one_line(tmp_path: Path) -> None:
    folder, _ = model_folder(tmp_path / "mine")
    (folder / "open_clip_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EncoderError, match="cannot be built from ") as caught:
        open_encoder(f"open_clip:local-dir:{folder}", device="cpu")
    assert "\n" not in str(caught.value)
    (folder / "open_clip_config.json").write_text("{\n")
    with pytest.raises(EncoderError, match="cannot be built from ") as caught:
        open_encoder(f"open_clip:local-dir:{folder}", device="cpu")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_is_lacking_is_told_with_where_and_how(tmp_path: Path) -> None:
    folder, _ = model_folder(tmp_path / "mine", hf_tokenizer_name="org/words")
    encoder = open_encoder(f"open_clip:local-dir:{folder}", device="cpu")
    assert encoder.encode_slices(np.zeros((1, 1, 32, 32), np.float32)).vector.shape == (1, 24)
    with pytest.raises(EncoderError) as caught:
        encoder.encode_texts(["clear lungs"])
    said = str(caught.value)
    assert said.startswith("texts of encoder 'open_clip:local-dir:mine' need its tokenizer, which is not on this machine or not whole")
    assert f"looked for tokenizer.json and tokenizer_config.json in {folder}. Put them beside its open_clip_config.json" in said
    assert "\n" not in said


@pytest.mark.parametrize("uri", ["open_clip:hf-hub:a/b/c", "open_clip:hf-hub:", "siglip:a/b c", "open_clip:hf-hub:a--b/c", "siglip:/"])
def test_names_that_no_repository_can_have(uri: str) -> None:
    with pytest.raises((UsageError, EncoderError), match=r"names no repository of the Hugging Face hub|holds no config") as caught:
        open_encoder(uri, device="cpu")
    assert "\n" not in str(caught.value)
