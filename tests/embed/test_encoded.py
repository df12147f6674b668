"""What code of others gives or raises costs one line, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, final

import numpy as np
import pytest
import torch

from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.embed.errors import EncoderUnavailableError, OutOfDeviceMemoryError
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.store.errors import EncoderError, ReadError
from scanbank.store.specs import EncoderSpec, ViewSpec

VECTORS = np.array([[0.6, 0.8], [1, 0]], np.float32)
DEPTH = np.zeros((2, 3, 2), np.float32)
MASK = np.ones((2, 3), bool)
TOKENS = {2: np.zeros((2, 6, 5), np.float32)}


@final
class Theirs(Encoder):
    """Gives what a function gives, with two blocks where it is asked for tokens."""

    def __init__(self, give: Callable[[], Any], *, gives_depth: bool = False, spec: EncoderSpec | None = None) -> None:
        self.spec, self.view = spec or EncoderSpec("theirs", "1", dim=2), ViewSpec()
        self.offers = frozenset[Side]({"volume", "slice", "text"})
        self.channels, self.blocks, self.gives_depth = frozenset({1}), 2, gives_depth
        self.give = give

    def _encode(self, side: Side, batch: Any) -> Encoded:
        return self.give()

    def _encode_layers(self, side: Side, batch: Any, layers: Any) -> Encoded:
        return self.give()


def volumes(encoder: Encoder, layers: tuple[int, ...] = ()) -> Encoded:
    return encoder.encode_volumes(np.zeros((2, 1, 6, 4, 4), np.float32), layers)


def raising(error: BaseException) -> Callable[[], Any]:
    def give() -> Any:
        raise error

    return give


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ZeroDivisionError("division by zero"), "failed with ZeroDivisionError: division by zero"),
        (IndexError("first\nsecond"), "failed with IndexError: first"),
        (AssertionError(), "failed with AssertionError"),
        (TypeError("no " * 100), f"failed with TypeError: {('no ' * 100)[:200]}..."),
        (FileNotFoundError(2, "No such file", "/scans/a patient"), "failed with FileNotFoundError"),
        (KeyError("C:\\scans"), "failed with KeyError"),
        (SystemExit(3), "failed with SystemExit: 3"),
    ],
)
def test_what_is_raised_is_told_in_one_line_without_a_path(error: BaseException, message: str) -> None:
    with pytest.raises(EncoderError) as caught:
        volumes(Theirs(raising(error)))
    assert str(caught.value) == f"encoder 'theirs' {message}"
    assert caught.value.__cause__ is error


def test_words_of_a_text_are_not_told() -> None:
    with pytest.raises(EncoderError) as caught:
        Theirs(raising(ValueError("cannot take 'a report'"))).encode_texts(["a report"])
    assert str(caught.value) == "encoder 'theirs' failed with ValueError"


@pytest.mark.parametrize("error", [ReadError("ours"), EncoderError("ours"), MemoryError("no room"), KeyboardInterrupt()])
def test_what_says_enough_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        volumes(Theirs(raising(error)))
    assert caught.value is error


def test_a_device_without_room_is_told_as_such() -> None:
    with pytest.raises(OutOfDeviceMemoryError, match="ran out of memory on its device with a batch of 2"):
        volumes(Theirs(raising(torch.OutOfMemoryError("CUDA out of memory"))))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, r"gave nothing \(None\); expected scanbank.embed.Encoded"),
        ([[0.0, 1.0]] * 2, "gave a list; expected scanbank.embed.Encoded"),
        (Encoded([[0.0, 1.0]] * 2), r"gave a list; expected float32 of shape \(2, 2\)"),  # pyright: ignore[reportArgumentType]
        (Encoded(VECTORS, depth=DEPTH), "gave depth without depth_mask"),
        (Encoded(VECTORS, depth_mask=MASK), "gave depth_mask without depth"),
        (Encoded(VECTORS, np.zeros((2, 3, 9), np.float32), MASK), r"depth of float32 of shape \(2, 3, 9\); .* \(2, any, 2\)"),
        (Encoded(VECTORS, np.zeros((2, 0, 2), np.float32), MASK[:, :0]), r"depth of float32 of shape \(2, 0, 2\)"),
        (Encoded(VECTORS, DEPTH.astype(np.float64), MASK), "gave depth of float64"),  # pyright: ignore[reportArgumentType]
        (Encoded(VECTORS, [[1]], MASK), "gave depth of a list"),  # pyright: ignore[reportArgumentType]
        (Encoded(VECTORS, DEPTH, np.ones((2, 5), bool)), r"depth_mask of bool of shape \(2, 5\); expected bool of shape \(2, 3\)"),
        (Encoded(VECTORS, DEPTH, MASK.astype(np.float32)), "depth_mask of float32"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_what_is_given_has_its_types_and_shapes(found: Any, message: str) -> None:
    with pytest.raises(EncoderError, match=message) as caught:
        volumes(Theirs(lambda: found))
    assert "\n" not in str(caught.value)


def test_depths_that_were_promised_are_there() -> None:
    with pytest.raises(EncoderError, match="gives vectors along depth, and gave none"):
        volumes(Theirs(lambda: Encoded(VECTORS), gives_depth=True))
    assert volumes(Theirs(lambda: Encoded(VECTORS, DEPTH, MASK), gives_depth=True)).depth is DEPTH
    slices = Theirs(lambda: Encoded(VECTORS), gives_depth=True).encode_slices(np.zeros((2, 1, 4, 4), np.float32))
    assert slices.depth is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (Encoded(VECTORS), "asked for tokens of blocks 2, and gave none"),
        (Encoded(VECTORS, tokens={1: TOKENS[2]}, grid=(2, 3)), "asked for tokens of blocks 2, and gave those of 1"),
        (Encoded(VECTORS, tokens=TOKENS), "tokens with grid None"),
        (Encoded(VECTORS, tokens=TOKENS, grid=(0, 6)), r"tokens with grid \(0, 6\)"),
        (Encoded(VECTORS, tokens=TOKENS, grid=(2, 2)), r"tokens of float32 of shape \(2, 6, 5\); expected float32 of shape \(2, 4, any\)"),
    ],
)
def test_tokens_are_those_asked_for_and_lie_on_the_grid(found: Encoded, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        volumes(Theirs(lambda: found), (2,))
    assert volumes(Theirs(lambda: Encoded(VECTORS, tokens=TOKENS, grid=(1, 2, 3))), (2,)).grid == (1, 2, 3)


@final
class Blockless(Encoder):
    """Says that it has blocks, and does not write how to get their tokens."""

    spec, view = EncoderSpec("blockless", "1", dim=2), ViewSpec()
    offers, channels, blocks = frozenset[Side]({"volume"}), frozenset({1}), 3

    def _encode(self, side: Side, batch: Any) -> Encoded:
        return Encoded(VECTORS)


def test_blocks_without_tokens_are_told_before_anything_is_decoded() -> None:
    with pytest.raises(EncoderError, match="has 3 blocks and gives no tokens: write its _encode_layers"):
        Blockless().check_layers((1,))
    assert volumes(Blockless()).vector is VECTORS


@pytest.mark.parametrize(
    ("name", "precision", "length", "fits"),
    [
        ("x", "float32", 1 + 5e-4, True),
        ("x", "float32", 1 - 5e-3, False),
        ("x+bf16", "float32", 1 - 5e-3, True),
        ("x", "float16", 1 + 5e-3, True),
        ("x+fp16", "float32", 1.02, False),
        ("x", "float32", 0.0, False),
    ],
)
def test_unit_length_is_what_the_spec_says_it_is(name: str, precision: str, length: float, fits: bool) -> None:
    given = VECTORS.copy()
    given[1] *= length
    encoder = Theirs(lambda: Encoded(given), spec=EncoderSpec(name, "1", dim=2, unit_length=True, precision=precision))
    if fits:
        assert volumes(encoder).vector is given
        return
    with pytest.raises(EncoderError, match=rf"gave a vector of length {length:.4g}; its spec says unit_length"):
        volumes(encoder)
    encoder.spec = replace(encoder.spec, unit_length=False)
    assert volumes(encoder).vector is given


def test_a_tower_of_torch_that_fails_is_told_too() -> None:
    def tower(pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, 7]

    spec = EncoderSpec("towers", "1", dim=2, mean=(0.0,), std=(1.0,))
    encoder = TorchEncoder(spec, ViewSpec(), torch.nn.Linear(1, 1), torch.device("cpu"), volumes=tower)
    with pytest.raises(EncoderError, match="encoder 'towers' failed with IndexError: index 7 is out of bounds"):
        volumes(encoder)


def test_a_device_that_fails_is_no_scans_fault() -> None:
    def tower(pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    spec = EncoderSpec("towers", "1", dim=2, mean=(0.0,), std=(1.0,))
    encoder = TorchEncoder(spec, ViewSpec(), torch.nn.Linear(1, 1), torch.device("cpu"), volumes=tower)
    with pytest.raises(EncoderUnavailableError, match=r"'towers' failed on cpu \(RuntimeError: CUDA error: an illegal .* encountered\)$"):
        volumes(encoder)
