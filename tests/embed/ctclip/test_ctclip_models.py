"""The encoder `ctclip:`: the contract of encoders on volumes and texts, its names, its view, what it says when something is missing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.numpy import load_file

from scanbank.embed.encoder import Encoder
from scanbank.embed.encoders.ctclip_models import as_encoder
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError, UsageError
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import Window, parse_windows
from small_ctclip import CONFIG, published_state, small, volumes

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "card", "##io", "##mega", "##ly", "is", "not", "present", "."]
TEXTS = ["Cardiomegaly is present.", "Cardiomegaly is not present."]


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def folder(tmp_path):
    """A checkpoint as a user has it, with its tokenizer and configuration beside."""
    place = tmp_path / "CT, models"
    place.mkdir()
    torch.save(published_state(small()), place / "reduced.v2.pt")
    (place / "config.json").write_text(json.dumps(CONFIG.to_dict()))
    (place / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return place


@pytest.fixture
def encoder(folder) -> Encoder:
    return open_encoder(f"ctclip:{folder / 'reduced.v2.pt'}", device="cpu")


def voxels(count=2) -> np.ndarray:
    return volumes(CONFIG, count).numpy()


class TestContract:
    def test_volumes(self, encoder):
        given = voxels()
        before = given.copy()
        found = encoder.encode_volumes(given)
        assert found.vector.shape == (2, 16)
        assert found.vector.dtype == np.float32
        np.testing.assert_array_equal(given, before)
        np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(encoder.encode_volumes(given).vector, found.vector)
        alone = np.concatenate([encoder.encode_volumes(one[None]).vector for one in given])
        np.testing.assert_allclose(alone, found.vector, atol=1e-5)
        assert np.abs(found.vector[0] - found.vector[1]).max() > 0.01

    def test_depths(self, encoder):
        assert encoder.gives_depth
        given = voxels(3)
        given[1, :, :3] = -1  # padding
        given[2] = -1
        found = encoder.encode_volumes(given)
        assert found.depth is not None
        assert found.depth_mask is not None
        assert found.depth.shape == (3, 3, 16)
        assert found.depth_mask.tolist() == [[True, True, True], [False, True, True], [True, True, True]]
        np.testing.assert_allclose(np.linalg.norm(found.depth, axis=2), 1, atol=1e-6)

    def test_texts(self, encoder):
        found = encoder.encode_texts(TEXTS).vector
        assert found.shape == (2, 16)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(np.concatenate([encoder.encode_texts([text]).vector for text in TEXTS]), found, atol=1e-5)
        np.testing.assert_array_equal(encoder.encode_texts([text.upper() for text in TEXTS]).vector, found)
        assert np.abs(found[0] - found[1]).max() > 1e-4
        ids = torch.tensor([[2, 5, 6, 7, 8, 9, 11, 12, 3]])
        with torch.inference_mode():
            expected = small().encode_text(ids, torch.ones_like(ids))
        np.testing.assert_allclose(found[:1], expected, atol=1e-6)

    def test_a_batch_of_none_is_empty(self, encoder):
        assert encoder.encode_volumes(voxels(0)).vector.shape == (0, 16)
        assert encoder.encode_texts([]).vector.shape == (0, 16)

    def test_what_it_does_not_take_is_told(self, encoder):
        with pytest.raises(EncoderError, match="encodes volumes and texts; it has no slice side"):
            encoder.encode_slices(np.zeros((1, 1, 24, 24), np.float32))
        with pytest.raises(EncoderError, match=r"takes 1 window \(channel\) at once; found 3"):
            encoder.encode_volumes(np.zeros((1, 3, 9, 24, 24), np.float32))
        with pytest.raises(EncoderError, match="found 1x1x9x24x25"):
            encoder.encode_volumes(np.zeros((1, 1, 9, 24, 25), np.float32))
        bad = voxels()
        bad[0, 0, 0, 0, 0] = np.nan
        with pytest.raises(EncoderError, match="not finite"):
            encoder.encode_volumes(bad)

    def test_its_view_is_the_published_one_at_its_size(self, encoder):
        encoder.check_view(encoder.view)
        assert encoder.view.windows == (Window(-1000, 1000),)
        assert encoder.view.spacing_mm == (1.5, 0.75, 0.75)
        assert encoder.view.shape == (9, 24, 24)
        with pytest.raises(EncoderError, match="found 2"):
            encoder.check_view(ViewSpec(windows=parse_windows("brain+bone"), shape=(9, 24, 24)))

    def test_the_spec(self, encoder):
        spec = encoder.spec
        assert spec.logit_scale == pytest.approx(float(small().temperature.detach().exp()))
        assert (spec.name, spec.dim, spec.unit_length, spec.input_range) == ("ctclip:reduced.v2", 16, True, (-1, 1))
        assert len(spec.weights) == 64
        assert EncoderSpec.from_dict(json.loads(json.dumps(spec.to_dict()))).digest == spec.digest


class TestNames:
    def test_no_folder_enters_the_name(self, folder, tmp_path):
        (tmp_path / "own.json").write_text(json.dumps(CONFIG.to_dict() | {"frames": 12}))
        found = open_encoder(f"ctclip:{folder / 'reduced.v2.pt'},{tmp_path / 'own.json'}", device="cpu")
        assert found.spec.name == "ctclip:reduced.v2"
        assert found.view.shape == (12, 24, 24)

    def test_random_weights_from_a_configuration_or_the_sizes_of_a_checkpoint(self, folder):
        by_config = open_encoder(f"ctclip:{folder / 'config.json'}", random_weights=3, device="cpu")
        assert by_config.spec.name == "ctclip:config+random3"
        by_file = open_encoder(f"ctclip:{folder / 'reduced.v2.pt'}+random3", device="cpu")
        assert by_file.spec.name == "ctclip:reduced.v2+random3"
        assert by_config.spec.weights == by_file.spec.weights
        other = open_encoder(f"ctclip:{folder / 'config.json'}", random_weights=4, device="cpu")
        assert other.spec.weights != by_config.spec.weights
        assert by_config.encode_volumes(voxels()).vector.shape == (2, 16)

    def test_the_published_sizes_can_be_made_smaller(self, tmp_path):
        (tmp_path / "small.json").write_text(json.dumps(CONFIG.to_dict()))
        found = open_encoder(f"ctclip:published,{tmp_path / 'small.json'}", random_weights=0, device="cpu")
        assert found.spec.name == "ctclip:published+random0"
        assert found.view.shape == (9, 24, 24)

    @pytest.mark.parametrize(
        ("name", "error", "message"),
        [
            ("", UsageError, "lacks its model: write ctclip:CHECKPOINT"),
            ("published", EncoderError, "names the published sizes, without weights"),
            ("here/config.json", UsageError, "'ctclip:config.json' is a configuration; write ctclip:CHECKPOINT,config.json, or add"),
            ("nowhere.pt", EncoderError, "nowhere.pt does not exist; published are CT-CLIP_v2, .*hf download"),
            ("CT-CLIP_v2", EncoderError, "does not exist; published are"),
            ("nowhere.json+random0", UsageError, "nowhere.json does not exist"),
        ],
    )
    def test_what_cannot_be_opened_is_told(self, name, error, message):
        with pytest.raises(error, match=message) as caught:
            open_encoder(f"ctclip:{name}", device="cpu")
        assert "\n" not in str(caught.value)


class TestTexts:
    def test_a_missing_tokenizer_stops_texts_only(self, folder):
        (folder / "vocab.txt").unlink()
        encoder = open_encoder(f"ctclip:{folder / 'reduced.v2.pt'}", device="cpu")
        assert encoder.encode_volumes(voxels()).vector.shape == (2, 16)
        with pytest.raises(EncoderError, match=r"need the tokenizer of microsoft/BiomedVLP-CXR-BERT-specialized.*beside the checkpoint"):
            encoder.encode_texts(TEXTS)

    def test_a_tokenizer_of_another_model_is_told(self, folder):
        with (folder / "vocab.txt").open("a") as stream:
            stream.writelines(f"piece{i}\n" for i in range(40))
        encoder = open_encoder(f"ctclip:{folder / 'reduced.v2.pt'}", device="cpu")
        with pytest.raises(EncoderError, match=r"'ctclip:reduced.v2' has 53 pieces, its text tower 50"):
            encoder.encode_texts(TEXTS)

    def test_texts_are_cut_at_the_places_there_are(self, encoder):
        long = encoder.encode_texts(["present " * 400, "present " * 18]).vector
        np.testing.assert_allclose(long[0], long[1], atol=1e-6)


def test_what_was_assumed_is_noted():
    assert as_encoder(small(), "ctclip:small").note == ""
    said = small(replace(CONFIG, assumed=("heads were taken as published",)))
    assert as_encoder(said, "ctclip:small").note == "heads were taken as published"


def test_the_goldens_through_the_encoder(goldens):
    encoder = open_encoder(f"ctclip:{goldens / 'ctclip' / 'checkpoint.pt'}", device="cpu")
    expected = load_file(goldens / "ctclip" / "io.safetensors")
    np.testing.assert_allclose(encoder.encode_volumes(expected["volume"]).vector, expected["image_latents"], atol=1e-6)
    assert encoder.view.shape == (20, 40, 40)
