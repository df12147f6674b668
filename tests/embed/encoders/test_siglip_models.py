"""SigLIP: equal to transformers called directly, MedSigLIP's recipe, and folders that are not whole."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from transformers import AutoTokenizer, SiglipModel

from scanbank.embed.encoders.siglip_models import MEDSIGLIP_WINDOWS
from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.store.errors import EncoderError
from scanbank.store.windows import PRESETS
from siglip_folders import LENGTH, SIZE, siglip_folder

TEXTS = ["a head CT", "the lungs are clear " * 20, ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return siglip_folder(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TorchEncoder:
    found = open_encoder(f"siglip:{folder}", device="cpu")
    assert isinstance(found, TorchEncoder)
    return found


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def pixels(count: int = 2, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((count, channels, SIZE, SIZE), np.float32)


def unit(vectors: Any) -> np.ndarray:
    """Vectors of transformers' output."""
    return torch.nn.functional.normalize(vectors.pooler_output, dim=-1).detach().numpy()


def test_vectors_are_those_of_transformers(encoder: TorchEncoder, folder: Path) -> None:
    model: Any = SiglipModel.from_pretrained(folder).eval()
    given = pixels()
    normalized = (torch.from_numpy(given) - 0.5) / 0.5
    np.testing.assert_allclose(encoder.encode_slices(given).vector, unit(model.get_image_features(pixel_values=normalized)), atol=1e-5)
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS).vector, unit(model.get_text_features(**tokens)), atol=1e-5)
    with torch.no_grad():
        logits = model(**tokens, pixel_values=normalized).logits_per_image.numpy()
    scale, bias = encoder.spec.logit_scale or 0.0, encoder.spec.logit_bias or 0.0
    assert (scale, bias) == (pytest.approx(np.exp(2.5)), -7.25)
    ours = encoder.encode_slices(given).vector @ encoder.encode_texts(TEXTS).vector.T * scale + bias
    np.testing.assert_allclose(ours, logits, atol=1e-4)


def test_tokens_are_its_hidden_states(encoder: TorchEncoder, folder: Path) -> None:
    model: Any = SiglipModel.from_pretrained(folder).eval()
    given = pixels()
    with torch.no_grad():
        said = model.vision_model(pixel_values=(torch.from_numpy(given) - 0.5) / 0.5, output_hidden_states=True).hidden_states
    found = encoder.encode_slices(given, layers=[1, 2, 3])
    assert found.tokens is not None
    assert (encoder.blocks, found.grid, len(said)) == (3, (2, 2), 4)
    for layer, tokens in found.tokens.items():
        np.testing.assert_allclose(tokens, said[layer].numpy(), atol=1e-5)


def test_normalization_is_that_of_the_preprocessor(copied: Path) -> None:
    file = copied / "preprocessor_config.json"
    assert open_encoder(f"siglip:{copied}", device="cpu").view.interpolation == "cubic"
    file.write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "resample": 2}))
    encoder = open_encoder(f"siglip:{copied}", device="cpu")
    assert (encoder.spec.mean, encoder.spec.std, encoder.view.interpolation) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "linear")
    file.rename(copied / "processor_config.json")
    (copied / "processor_config.json").write_text(json.dumps({"image_processor": {"do_normalize": False}}))
    spec = open_encoder(f"siglip:{copied}", device="cpu").spec
    assert (spec.mean, spec.std) == ((0, 0, 0), (1, 1, 1))
    (copied / "processor_config.json").write_text(json.dumps({"image_mean": [0.5], "image_std": [0.5]}))
    with pytest.raises(EncoderError, match=r"processor_config.json cannot be read .*expected three numbers each"):
        open_encoder(f"siglip:{copied}", device="cpu")


def test_medsiglip_sees_three_windows(tmp_path: Path) -> None:
    by_name = open_encoder(f"siglip:{siglip_folder(tmp_path / 'MedSigLIP-tiny')}", device="cpu")
    by_size = open_encoder(f"siglip:{siglip_folder(tmp_path / 'mine', size=448)}", device="cpu")
    other = open_encoder(f"siglip:{siglip_folder(tmp_path / 'other')}", device="cpu")
    assert [(w.lo, w.hi) for w in MEDSIGLIP_WINDOWS] == [(-1024, 1024), (-135, 215), (0, 80)]
    assert by_name.view.windows == by_size.view.windows == MEDSIGLIP_WINDOWS
    assert (by_name.view.size, by_size.view.size) == ((SIZE, SIZE), (448, 448))
    assert other.view.windows == (PRESETS["ctclip"],)
    assert (by_name.spec.input_range, by_name.spec.mean, by_name.spec.std) == ((0, 1), (0.5,) * 3, (0.5,) * 3)


def test_a_folder_is_named_without_its_path(encoder: TorchEncoder, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert encoder.spec.name == "siglip:small"
    monkeypatch.chdir(folder)
    assert open_encoder("siglip:.", device="cpu").spec == encoder.spec
    assert open_encoder(f"siglip:{folder}+random3", device="cpu").spec.name == "siglip:small+random3"


def test_the_hubs_cache_is_looked_in(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(EncoderError) as caught:
        open_encoder("siglip:google/medsiglip-448")
    assert f"config.json of google/medsiglip-448 in {tmp_path / 'hub'}" in str(caught.value)
    assert "hf download google/medsiglip-448 (after hf auth login" in str(caught.value)
    root = tmp_path / "hub" / "models--google--medsiglip-448"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("0123abcd")
    copied.rename(root / "snapshots").rename(tmp_path / "held")
    (root / "snapshots").mkdir()
    (tmp_path / "held").rename(root / "snapshots" / "0123abcd")
    encoder = open_encoder("siglip:google/medsiglip-448", device="cpu")
    assert encoder.spec.name == "siglip:google/medsiglip-448"
    assert encoder.view.windows == MEDSIGLIP_WINDOWS
    (root / "snapshots" / "0123abcd" / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"model.safetensors or .* of google/medsiglip-448 in .*--random-weights SEED"):
        open_encoder("siglip:google/medsiglip-448")
    assert open_encoder("siglip:google/medsiglip-448", random_weights=0, device="cpu").encode_texts(["a"]).vector.shape == (1, 24)


def test_weights_that_are_a_pickle_of_tensors(tmp_path: Path, encoder: TorchEncoder) -> None:
    folder = siglip_folder(tmp_path / "small", safe=False)
    assert open_encoder(f"siglip:{folder}", device="cpu").spec == encoder.spec


@pytest.mark.parametrize(("resample", "interpolation"), [(0, "nearest"), (2, "linear"), (3, "cubic")])
def test_resampling_is_that_of_the_preprocessor(copied: Path, resample: int, interpolation: str) -> None:
    (copied / "preprocessor_config.json").write_text(json.dumps({"resample": resample, "rescale_factor": 0.00392156862}))
    assert open_encoder(f"siglip:{copied}", device="cpu").view.interpolation == interpolation


class TestBroken:
    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"resample": 1}, r"resample 1; expected 0 \(nearest\), 2 \(bilinear\) or 3 \(bicubic\)"),
            ({"resample": []}, "preprocessor_config.json cannot be read"),
            ({"do_rescale": False}, "another range of pixels than 0..1; expected do_rescale true"),
            ({"rescale_factor": 1}, "with a rescale_factor of 1/255"),
        ],
    )
    def test_preparations_that_cannot_be_done(self, copied: Path, said: dict[str, Any], message: str) -> None:
        (copied / "preprocessor_config.json").write_text(json.dumps(said))
        with pytest.raises(EncoderError, match=message) as caught:
            open_encoder(f"siglip:{copied}", device="cpu")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("patch", [0, -1, 64, "16"])
    def test_patches_that_make_no_image(self, copied: Path, patch: Any) -> None:
        file = copied / "config.json"
        config = json.loads(file.read_text())
        config["vision_config"]["patch_size"] = patch
        file.write_text(json.dumps(config))
        for uri in (f"siglip:{copied}", f"siglip:{copied}+random0"):
            with pytest.raises(EncoderError, match=r"patch_size from 1 to image_size|config.json cannot be read") as caught:
                open_encoder(uri, device="cpu")
            assert "\n" not in str(caught.value)

    def test_weights_of_another_width(self, copied: Path) -> None:
        file = copied / "config.json"
        config = json.loads(file.read_text())
        config["text_config"]["intermediate_size"] = 40
        file.write_text(json.dumps(config))
        with pytest.raises(EncoderError, match=r"are not those of its config.json: \d+ tensors .*of another shape, such as text_model"):
            open_encoder(f"siglip:{copied}", device="cpu")

    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match=r"encoder 'siglip:missing' .*there is no folder .*missing; write siglip:FOLDER"):
            open_encoder(f"siglip:{tmp_path / 'missing'}")
        with pytest.raises(EncoderError, match="there is no folder medsiglip"):
            open_encoder("siglip:medsiglip")

    def test_a_folder_without_weights(self, copied: Path) -> None:
        (copied / "model.safetensors").unlink()
        with pytest.raises(EncoderError, match=r"is not whole: .*copy holds no model.safetensors or .*save_pretrained"):
            open_encoder(f"siglip:{copied}")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"model_type": "clip"}, "model type 'clip', which is another architecture; expected 'siglip'"),
            ({"model_type": "siglip2"}, "takes patches of any size, not planes"),
            ({"model_type": "nonsense", "auto_map": {"AutoConfig": "mine.Config"}}, "config.json cannot be read"),
        ],
    )
    def test_another_architecture(self, copied: Path, change: dict[str, Any], message: str) -> None:
        file = copied / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
        (copied / "mine.py").write_text(f"import pathlib; pathlib.Path({str(copied / 'sprung')!r}).touch()")
        with pytest.raises(EncoderError, match=message) as caught:
            open_encoder(f"siglip:{copied}", device="cpu")
        assert "\n" not in str(caught.value)
        assert not (copied / "sprung").exists()

    def test_weights_of_another_size(self, copied: Path) -> None:
        file = copied / "config.json"
        config = json.loads(file.read_text())
        config["vision_config"]["num_hidden_layers"] = 4
        file.write_text(json.dumps(config))
        with pytest.raises(EncoderError, match=r"are not those of its config.json: 16 tensors are missing .* such as vision_model"):
            open_encoder(f"siglip:{copied}", device="cpu")
        config["vision_config"]["vision_use_head"] = False
        file.write_text(json.dumps(config))
        with pytest.raises(EncoderError, match="a vision side without a head"):
            open_encoder(f"siglip:{copied}", device="cpu")

    @pytest.mark.parametrize("file", ["config.json", "model.safetensors", "preprocessor_config.json"])
    def test_a_damaged_file(self, copied: Path, file: str) -> None:
        (copied / file).write_bytes(b"not what it should be")
        with pytest.raises(EncoderError, match=r"encoder 'siglip:copy'.* cannot be (read|loaded)") as caught:
            open_encoder(f"siglip:{copied}", device="cpu")
        assert "\n" not in str(caught.value)

    def test_a_pickle_is_not_executed(self, copied: Path, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "sprung",)

        (copied / "model.safetensors").unlink()
        torch.save({"logit_scale": Trap()}, copied / "pytorch_model.bin", pickle_module=pickle)
        with pytest.raises(EncoderError, match="cannot be loaded"):
            open_encoder(f"siglip:{copied}", device="cpu")
        assert not (tmp_path / "sprung").exists()

    def test_a_folder_without_tokenizer_still_encodes_slices(self, copied: Path) -> None:
        (copied / "tokenizer.json").unlink()
        encoder = open_encoder(f"siglip:{copied}", device="cpu")
        assert encoder.encode_slices(pixels()).vector.shape == (2, 24)
        with pytest.raises(EncoderError, match=r"tokenizer of encoder 'siglip:copy' cannot be read|pip install sentencepiece") as caught:
            encoder.encode_texts(["a"])
        assert "\n" not in str(caught.value)


def test_nothing_is_printed_and_loggers_are_left_as_they_were(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("transformers").level
    open_encoder(f"siglip:{folder}", device="cpu").encode_texts(["a"])
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("transformers").level == before
