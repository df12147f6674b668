"""What every encoder must do, run over each kind and each side it offers. No classes: each would have the encoders made anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import numpy as np
import open_clip
import pytest
import timm
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torchvision.transforms import Normalize

from encoder_zoo import SIDES, TEXTS, batch_for, encode, open_one, prepare
from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import parse_windows
from service_servers import serving, url_of

PIXELS = [(key, side) for key, sides in SIDES.items() for side in sides if side != "text"]
WITH_TEXTS = [key for key, sides in SIDES.items() if "text" in sides]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Encoder]]:
    folder = tmp_path_factory.mktemp("zoo")
    prepare(folder)
    with serving([open_encoder("tiny", device="cpu")]) as server:
        yield {key: open_one(key, folder, url_of(server)) for key in SIDES}
    sys.path.remove(str(folder))


@pytest.fixture(params=PIXELS, ids=lambda p: f"{p[0]}-{p[1]}")
def case(request: pytest.FixtureRequest, encoders: dict[str, Encoder]) -> tuple[Encoder, Side, Any]:
    """An encoder, a side of it that takes pixels, and a batch for it."""
    key, side = request.param
    return encoders[key], side, batch_for(key, encoders[key], side)


@pytest.fixture(params=SIDES)
def encoder(request: pytest.FixtureRequest, encoders: dict[str, Encoder]) -> Encoder:
    return encoders[request.param]


def test_each_gets_one_finite_vector(case):
    encoder, side, batch = case
    found = encode(encoder, side, batch)
    assert (found.vector.shape, found.vector.dtype) == ((3, encoder.spec.dim), np.float32)
    assert np.isfinite(found.vector).all()
    assert len(np.unique(found.vector, axis=0)) == 3
    if encoder.spec.unit_length:
        np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), 1, atol=1e-5)


def test_the_same_again_gives_the_same_and_the_caller_keeps_the_input(case):
    encoder, side, batch = case
    before = batch.copy()
    np.testing.assert_array_equal(encode(encoder, side, batch).vector, encode(encoder, side, before).vector)
    np.testing.assert_array_equal(batch, before)


def test_a_vector_does_not_depend_on_its_batch(case):
    encoder, side, batch = case
    alone = np.concatenate([encode(encoder, side, one[None]).vector for one in batch])
    np.testing.assert_allclose(encode(encoder, side, batch).vector, alone, rtol=1e-5, atol=1e-5)


def test_constant_ones_are_encoded(case):
    encoder, side, batch = case
    flat = np.stack([np.full_like(batch[0], value) for value in (0, 0.5, 1)])
    assert np.isfinite(encode(encoder, side, flat).vector).all()


def test_an_empty_batch_is_empty(case):
    encoder, side, batch = case
    assert encode(encoder, side, batch[:0]).vector.shape == (0, encoder.spec.dim)


@pytest.mark.parametrize("change", [lambda p: p[0], lambda p: p[:, :, None], lambda p: p.astype(np.float64), lambda p: p[:, :, :0]])
def test_other_shapes_and_dtypes_are_refused(case, change):
    encoder, side, batch = case
    with pytest.raises(EncoderError, match=r"float32 \(B, C, (Z, )?Y, X\)|without a pixel|channel"):
        encode(encoder, side, change(batch))


def test_two_channels_are_refused(case):
    encoder, side, batch = case
    with pytest.raises(EncoderError, match="found 2"):
        encode(encoder, side, np.repeat(batch, 2, axis=1))
    with pytest.raises(EncoderError, match="found 2"):
        encoder.check_view(ViewSpec(windows=parse_windows("brain+bone"), size=encoder.view.size))


def test_as_many_channels_as_it_takes_are_one_repeated(case):
    encoder, side, batch = case
    many = np.repeat(batch, max(encoder.channels), axis=1)
    np.testing.assert_allclose(encode(encoder, side, many).vector, encode(encoder, side, batch).vector, rtol=1e-5, atol=1e-5)


def test_not_a_number_is_refused(case):
    encoder, side, batch = case
    batch[2, 0, 3, 3] = np.nan
    with pytest.raises(EncoderError, match="not finite"):
        encode(encoder, side, batch)


def test_depths_come_where_they_are_promised(case):
    encoder, side, batch = case
    found = encode(encoder, side, batch)
    assert (found.depth is not None) == (encoder.gives_depth and side == "volume")
    if found.depth is not None:
        assert found.depth.shape[::2] == (3, encoder.spec.dim)
        assert found.depth_mask is not None
        assert (found.depth_mask.shape, found.depth_mask.dtype) == (found.depth.shape[:2], bool)


def test_tokens_come_for_the_blocks_asked_for(case):
    encoder, side, batch = case
    call = encoder.encode_volumes if side == "volume" else encoder.encode_slices
    if not encoder.blocks:
        with pytest.raises(EncoderError, match="gives no tokens"):
            call(batch, layers=[1])
        return
    found = call(batch, layers=[encoder.blocks, 1])
    assert found.tokens is not None
    assert found.grid is not None
    assert set(found.tokens) == {1, encoder.blocks}
    for tokens in found.tokens.values():
        assert tokens.shape[:2] == (3, np.prod(found.grid))
    np.testing.assert_array_equal(found.vector, call(batch).vector)


def test_it_offers_what_it_says(encoders):
    assert {key: set(one.offers) for key, one in encoders.items()} == {key: set(sides) for key, sides in SIDES.items()}


def test_what_it_does_not_offer_is_one_clear_error(encoder):
    given = {"volume": np.zeros((1, 1, 4, 8, 8), np.float32), "slice": np.zeros((1, 1, 8, 8), np.float32), "text": ["clear lungs"]}
    for side in set(given) - encoder.offers:
        with pytest.raises(EncoderError) as caught:
            encode(encoder, side, given[side])
        assert str(caught.value).startswith(f"encoder {encoder.spec.name!r} encodes ")
        assert f"it has no {side} side: " in str(caught.value)


def test_its_own_view_fits_it(encoder):
    encoder.check_view(encoder.view)
    expected = "-1024..1024+-135..215+brain" if "medsiglip" in encoder.spec.name else "ctclip"
    assert encoder.view.window_label == expected


def test_the_spec_survives_json_and_says_no_path(encoder):
    said = json.dumps(encoder.spec.to_dict())
    again = EncoderSpec.from_dict(json.loads(said))
    assert again == encoder.spec
    assert again.digest == encoder.spec.digest
    assert "zoo0" not in said
    assert str(Path(sys.path[-1])) not in said


def test_names(encoders):
    named = {key: one.spec.name for key, one in encoders.items()}
    expected = {key: key.replace("FOLDER/", "").removesuffix(".pt") for key in SIDES} | {"tiny": "tiny@1", "http://SERVER": "tiny@1"}
    assert named == expected


@pytest.mark.parametrize("key", WITH_TEXTS)
def test_texts_lie_in_the_space_of_pixels(key, encoders):
    encoder = encoders[key]
    found = encoder.encode_texts(TEXTS).vector
    assert (found.shape, found.dtype) == ((3, encoder.spec.dim), np.float32)
    assert len(np.unique(found, axis=0)) == 3
    np.testing.assert_allclose(found, np.concatenate([encoder.encode_texts([t]).vector for t in TEXTS]), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert encoder.spec.unit_length
    assert encoder.spec.logit_scale is not None


@pytest.mark.parametrize("key", WITH_TEXTS)
def test_odd_texts(key, encoders):
    long = " ".join(TEXTS * 200)
    vectors = encoders[key].encode_texts(["", long, f"{long} and more", "Ödem", "肺部清晰"]).vector
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("key", WITH_TEXTS)
def test_one_string_is_no_list(key, encoders):
    with pytest.raises(EncoderError, match="expected a list"):
        encoders[key].encode_texts("one string")


FIXED = "open_clip:scanbank-test-clip+random0"


@pytest.mark.parametrize("size", [None, (31, 32)])
def test_a_fixed_size_is_checked_before_and_after_decoding(encoders, size):
    encoder = encoders[FIXED]
    with pytest.raises(EncoderError, match="32x32 pixels"):
        encoder.check_view(ViewSpec(windows=parse_windows("brain"), size=size))
    with pytest.raises(EncoderError, match="32x32 pixels; found 40x48"):
        encoder.encode_slices(np.zeros((1, 1, 40, 48), np.float32))


def test_timm_equals_timm_called_directly(encoders):
    encoder = encoders["timm:test_resnet+random0"]
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=0).eval()
    pixels = batch_for("timm", encoder, "slice", channels=3)
    with torch.no_grad():
        expected = model((torch.from_numpy(pixels) - 0.5) / 0.5).numpy()
    np.testing.assert_allclose(encoder.encode_slices(pixels).vector, expected, atol=1e-5)


def test_open_clip_equals_open_clip_called_directly(encoders):
    encoder = encoders[FIXED]
    torch.manual_seed(0)
    model: Any = open_clip.create_model("scanbank-test-clip").eval()
    normalize = Normalize(OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    grey = batch_for(FIXED, encoder, "slice")
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
