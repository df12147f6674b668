"""What every encoder must do, run over each kind."""

import json
from typing import Any, final

import numpy as np
import open_clip
import pytest
import timm
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torchvision.transforms import Normalize

from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import parse_windows

TINY_CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
URIS = ("intensity", "timm:test_resnet+random0", "timm:test_vit+random0", "open_clip:scanbank-test-clip+random0")
TEXTS = ("a head CT with hemorrhage", "a normal head CT")


@pytest.fixture(scope="module")
def encoders(tmp_path_factory) -> dict[str, Encoder]:
    config = tmp_path_factory.mktemp("config") / "scanbank-test-clip.json"
    config.write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(config)
    return {uri: open_encoder(uri, device="cpu") for uri in URIS}


@pytest.fixture(params=URIS)
def encoder(request, encoders) -> Encoder:
    return encoders[request.param]


def pixels_for(encoder: Encoder, count=5, channels=1) -> np.ndarray:
    size = encoder.view.size or (40, 48)
    return np.random.default_rng(0).random((count, channels, *size), np.float32)


class TestContract:
    def test_gives_one_finite_vector_per_slice(self, encoder):
        found = encoder.encode_slices(pixels_for(encoder))
        assert found.vector.shape == (5, encoder.spec.dim)
        assert found.vector.dtype == np.float32
        assert np.isfinite(found.vector).all()

    def test_is_deterministic(self, encoder):
        pixels = pixels_for(encoder)
        np.testing.assert_array_equal(encoder.encode_slices(pixels).vector, encoder.encode_slices(pixels.copy()).vector)

    def test_a_vector_does_not_depend_on_its_batch(self, encoder):
        pixels = pixels_for(encoder)
        alone = np.concatenate([encoder.encode_slices(pixels[i : i + 1]).vector for i in range(5)])
        np.testing.assert_allclose(encoder.encode_slices(pixels).vector, alone, atol=1e-5)

    def test_different_slices_differ(self, encoder):
        vectors = encoder.encode_slices(pixels_for(encoder)).vector
        assert len(np.unique(vectors, axis=0)) == 5

    def test_constant_slices_are_encoded(self, encoder):
        pixels = np.stack([np.full_like(pixels_for(encoder, 1)[0], value) for value in (0, 0.5, 1)])
        assert np.isfinite(encoder.encode_slices(pixels).vector).all()

    def test_the_caller_keeps_the_input(self, encoder):
        pixels = pixels_for(encoder)
        before = pixels.copy()
        pixels.flags.writeable = True
        encoder.encode_slices(pixels)
        np.testing.assert_array_equal(pixels, before)

    def test_an_empty_batch_is_empty(self, encoder):
        assert encoder.encode_slices(pixels_for(encoder, 0)).vector.shape == (0, encoder.spec.dim)

    @pytest.mark.parametrize("change", [lambda p: p[0], lambda p: p[:, :, None], lambda p: p.astype(np.float64), lambda p: p[:, :, :0]])
    def test_other_shapes_and_dtypes_are_refused(self, encoder, change):
        with pytest.raises(EncoderError, match=r"float32 \(B, C, Y, X\)|without a pixel|channels"):
            encoder.encode_slices(change(pixels_for(encoder)))

    def test_two_channels_are_refused(self, encoder):
        with pytest.raises(EncoderError, match="found 2"):
            encoder.encode_slices(pixels_for(encoder, channels=2))
        with pytest.raises(EncoderError, match="found 2"):
            encoder.check_view(ViewSpec(windows=parse_windows("brain+bone"), size=encoder.view.size))

    def test_not_a_number_is_refused(self, encoder):
        pixels = pixels_for(encoder)
        pixels[2, 0, 3, 3] = np.nan
        with pytest.raises(EncoderError, match="not finite"):
            encoder.encode_slices(pixels)

    def test_what_it_does_not_offer_is_one_clear_error(self, encoder):
        with pytest.raises(EncoderError, match=rf"'{encoder.spec.name.replace('+', '.')}' encodes slices.*; it has no volume side"):
            encoder.encode_volumes(np.zeros((1, 1, 4, 8, 8), np.float32))
        if "text" not in encoder.offers:
            with pytest.raises(EncoderError, match="it has no text side: choose one that has, such as tiny"):
                encoder.encode_texts(["lungs are clear"])

    def test_texts_lie_in_the_space_of_slices(self, encoder):
        if "text" not in encoder.offers:
            pytest.skip("encodes no texts")
        found = encoder.encode_texts(TEXTS).vector
        assert found.shape == (2, encoder.spec.dim)
        np.testing.assert_allclose(found, np.concatenate([encoder.encode_texts([t]).vector for t in TEXTS]), atol=1e-5)
        with pytest.raises(EncoderError, match="expected a list"):
            encoder.encode_texts("one string")

    def test_unit_length_is_as_the_spec_says(self, encoder):
        lengths = np.linalg.norm(encoder.encode_slices(pixels_for(encoder)).vector, axis=1)
        assert np.allclose(lengths, 1, atol=1e-5) == encoder.spec.unit_length

    def test_its_own_view_fits_it(self, encoder):
        encoder.check_view(encoder.view)
        assert encoder.view.window_label == "ctclip"

    def test_the_spec_survives_json(self, encoder):
        again = EncoderSpec.from_dict(json.loads(json.dumps(encoder.spec.to_dict())))
        assert again == encoder.spec
        assert again.digest == encoder.spec.digest


@pytest.mark.parametrize("size", [None, (31, 32)])
def test_a_fixed_size_is_checked_before_and_after_decoding(encoders, size):
    encoder = encoders[URIS[3]]
    with pytest.raises(EncoderError, match="32x32 pixels"):
        encoder.check_view(ViewSpec(windows=parse_windows("brain"), size=size))
    with pytest.raises(EncoderError, match="32x32 pixels; found 40x48"):
        encoder.encode_slices(np.zeros((1, 1, 40, 48), np.float32))


def test_timm_equals_timm_called_directly(encoders):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=0).eval()
    pixels = pixels_for(encoders[URIS[1]], channels=3)
    with torch.no_grad():
        expected = model((torch.from_numpy(pixels) - 0.5) / 0.5).numpy()
    np.testing.assert_allclose(encoders[URIS[1]].encode_slices(pixels).vector, expected, atol=1e-5)


def test_open_clip_equals_open_clip_called_directly(encoders):
    encoder = encoders[URIS[3]]
    torch.manual_seed(0)
    model: Any = open_clip.create_model("scanbank-test-clip").eval()
    normalize = Normalize(OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    grey = pixels_for(encoder)
    with torch.no_grad():
        images = model.encode_image(normalize(torch.from_numpy(np.repeat(grey, 3, axis=1))), normalize=True).numpy()
        texts = model.encode_text(open_clip.get_tokenizer("scanbank-test-clip")(list(TEXTS)), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_slices(grey).vector, images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS).vector, texts, atol=1e-5)
    assert encoder.spec.logit_scale == pytest.approx(1 / 0.07)


@final
class Broken(Encoder):
    """An encoder that gives what it is told to."""

    spec = EncoderSpec("broken", "1", dim=4)
    view = ViewSpec()
    offers = frozenset[Side]({"slice"})
    channels = frozenset({1})

    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector

    def _encode(self, side: Side, batch: Any) -> Encoded:
        return Encoded(self.vector)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.zeros((2, 3), np.float32), r"shape \(2, 3\); expected float32 of shape \(2, 4\)"),
        (np.zeros((1, 4), np.float32), r"expected float32 of shape \(2, 4\)"),
        (np.zeros((2, 4), np.float16), "gave float16"),
        (np.array([[0, 1, 2, 3], [0, np.nan, 2, 3]], np.float32), "gave values that are not finite"),
    ],
)
def test_what_comes_out_is_checked(vector, message):
    with pytest.raises(EncoderError, match=message):
        Broken(vector).encode_slices(np.zeros((2, 1, 5, 5), np.float32))
