"""Encoders by URI: names, weights from the local cache only, random weights, devices, light imports."""

import json
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from encoder_zoo import TINY_CLIP
from scanbank.embed.registry import encoder_schemes, open_encoder
from scanbank.embed.weights import offline, weights_digest
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("an encoder reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "hub"


def snapshot(hub_cache: Path, repo: str) -> Path:
    """A folder of a repository as `hf download` lays it out."""
    root = hub_cache / f"models--{repo.replace('/', '--')}"
    folder = root / "snapshots" / "0123abcd"
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("0123abcd")
    return folder


class TestNames:
    def test_forms(self):
        forms = encoder_schemes()
        assert {"intensity", "tiny", "timm:NAME", "siglip:ORG/NAME", "monai:NET@CHECKPOINT", "module:PACKAGE.MODULE:FACTORY"} < set(forms)
        page = (Path(__file__).resolve().parents[2] / "docs" / "encoders.md").read_text("utf-8")
        for form in forms:
            assert f"`{form}`" in page, f"docs/encoders.md has no line for {form}"

    @pytest.mark.parametrize(
        ("uri", "message"),
        [
            ("intensty", "did you mean 'intensity'"),
            ("tim:resnet18", "did you mean 'timm'"),
            ("timm:resnet19", "did you mean 'resnet18'"),
            ("timm:resnet18.a1_in2k", "did you mean 'a1_in1k'"),
            ("open_clip:ViT-B32/openai", "did you mean 'ViT-B-32'"),
            ("open_clip:ViT-B-32/opnai", "did you mean 'openai'"),
            ("zzz:y", "choose one of: .*intensity, .*open_clip, .*timm"),
        ],
    )
    def test_unknown_ones_suggest_the_nearest(self, uri, message):
        with pytest.raises(UnknownNameError, match=message) as caught:
            open_encoder(uri)
        assert len(str(caught.value)) < 450

    @pytest.mark.parametrize(
        ("uri", "options", "message"),
        [
            ("timm:", {}, "such as timm:resnet18"),
            ("timm", {}, "such as timm:resnet18"),
            ("open_clip:ViT-B-32", {}, "TAG one of openai"),
            ("intensity:x", {}, "takes no model name"),
            ("intensity", {"random_weights": 0}, "has no weights"),
            ("intensity", {"device": "cuda"}, "runs on the CPU"),
            ("timm:test_vit", {"random_weights": -1}, "0 or more"),
            ("timm:test_vit+random1", {"random_weights": 2}, "give one of them"),
            ("timm:test_vit", {"random_weights": 0, "device": "gpu"}, "choose one of auto, cpu, cuda"),
        ],
    )
    def test_misuse(self, uri, options, message):
        with pytest.raises(UsageError, match=message):
            open_encoder(uri, **options)

    def test_a_device_that_is_not_here(self):
        with pytest.raises(UsageError, match="is not here"):
            open_encoder("timm:test_vit", random_weights=0, device="cuda:99")


class TestRandomWeights:
    def test_the_name_and_the_digest_say_so(self):
        zero = open_encoder("timm:test_vit", random_weights=0, device="cpu")
        one = open_encoder("timm:test_vit", random_weights=1, device="cpu")
        assert (zero.spec.name, one.spec.name) == ("timm:test_vit+random0", "timm:test_vit+random1")
        assert zero.spec.weights != one.spec.weights
        assert open_encoder("timm:test_vit+random0", device="cpu").spec == zero.spec

    @pytest.mark.slow
    def test_another_process_draws_the_same(self):
        code = "from scanbank.embed import open_encoder; print(open_encoder('timm:test_vit+random7', device='cpu').spec.digest)"
        there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        torch.manual_seed(123)
        assert open_encoder("timm:test_vit+random7", device="cpu").spec.digest == there

    def test_the_global_generator_is_left_alone(self):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        open_encoder("timm:test_vit", random_weights=0, device="cpu")
        torch.testing.assert_close(torch.rand(3), expected)


class TestLocalWeights:
    @pytest.mark.parametrize(
        ("uri", "looked", "get"),
        [
            ("timm:resnet18", "model.safetensors or pytorch_model.bin of timm/resnet18.a1_in1k in ", "hf download timm/resnet18.a1_in1k"),
            ("open_clip:ViT-B-32/laion2b_s34b_b79k", "of laion/CLIP-ViT-B-32-laion2B-s34B-b79K in ", "hf download laion/CLIP-ViT-B-32"),
            ("open_clip:hf-hub:org/name", "open_clip_config.json of org/name in ", "hf download org/name"),
            ("siglip:google/medsiglip-448", "config.json of google/medsiglip-448 in ", "hf download google/medsiglip-448"),
        ],
    )
    def test_missing_ones_say_what_and_where_and_how(self, uri, looked, get, hub_cache):
        with pytest.raises(EncoderError) as caught:
            open_encoder(uri)
        message = str(caught.value)
        assert looked in message
        assert str(hub_cache) in message
        assert get in message
        assert "\n" not in message

    def test_timm_takes_them_from_the_cache(self, hub_cache):
        torch.manual_seed(3)
        trained: Any = timm.create_model("test_resnet").eval()  # with its classifier, as published
        save_file(trained.state_dict(), snapshot(hub_cache, "timm/test_resnet.r160_in1k") / "model.safetensors")
        encoder = open_encoder("timm:test_resnet", device="cpu")
        trained.reset_classifier(0)
        assert encoder.spec.weights == weights_digest(trained)
        assert encoder.spec.name == "timm:test_resnet"
        pixels = np.random.default_rng(0).random((2, 3, 160, 160), np.float32)
        with torch.no_grad():
            expected = trained(torch.from_numpy(pixels * 2 - 1)).numpy()
        np.testing.assert_allclose(encoder.encode_slices(pixels).vector, expected, atol=1e-5)

    def test_open_clip_takes_them_from_the_cache(self, hub_cache):
        folder = snapshot(hub_cache, "org/tiny-clip")
        normal = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY_CLIP, "preprocess_cfg": normal}))
        with pytest.raises(EncoderError, match=r"open_clip_model.safetensors.* of org/tiny-clip"):
            open_encoder("open_clip:hf-hub:org/tiny-clip")
        torch.manual_seed(4)
        trained = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        save_file(trained.state_dict(), folder / "open_clip_model.safetensors")
        encoder = open_encoder("open_clip:hf-hub:org/tiny-clip", device="cpu")
        assert encoder.spec.weights == weights_digest(trained)
        assert encoder.spec.mean == (0.5, 0.4, 0.3)
        assert encoder.spec.name == "open_clip:hf-hub:org/tiny-clip"
        assert encoder.encode_texts(["clear lungs"]).vector.shape == (1, 24)

    def test_a_damaged_file_is_named(self, hub_cache):
        file = snapshot(hub_cache, "timm/test_resnet.r160_in1k") / "model.safetensors"
        file.write_bytes(b"not weights at all")
        with pytest.raises(EncoderError, match=r"model.safetensors cannot be loaded"):
            open_encoder("timm:test_resnet")

    def test_a_pickle_is_not_executed(self, hub_cache, tmp_path):
        class Trap:
            def __reduce__(self):
                return Path.touch, (tmp_path / "sprung",)

        file = snapshot(hub_cache, "timm/test_resnet.r160_in1k") / "pytorch_model.bin"
        torch.save({"conv1.weight": Trap()}, file, pickle_module=pickle)
        with pytest.raises(EncoderError, match="cannot be loaded"):
            open_encoder("timm:test_resnet")
        assert not (tmp_path / "sprung").exists()

    def test_offline_ends_as_it_began(self, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        with offline():
            assert constants.is_offline_mode()
        assert not constants.is_offline_mode()


def test_intensity_and_its_views_need_no_torch():
    code = """
import sys
import numpy as np
import scanbank.embed as embed
from scanbank.store.scan import Volume
encoder = embed.open_encoder("intensity")
volume = Volume(np.zeros((4, 8, 8), np.int16), np.eye(4), (1.0, 1.0, 1.0), 0, np.arange(4.0), np.arange(4.0), True)
for _, (pixels,) in embed.slice_batches(volume, [encoder.view], encoder.spec.input_range, 2):
    encoder.encode_slices(pixels)
embed.volume_voxels(volume, encoder.view, encoder.spec.input_range)
print([name for name in ("torch", "timm", "open_clip", "transformers", "huggingface_hub") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
