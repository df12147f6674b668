from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.embed.batches import Batches, Part
from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.embed.errors import EncoderUnavailableError, OutOfDeviceMemoryError
from scanbank.store.errors import EncoderError
from scanbank.store.specs import EncoderSpec, ViewSpec


@final
class Sums(Encoder):
    """Sum and first value of a plane. Room for `room` planes at once; a plane of -1 is more than it can take, one of -2 its end."""

    spec = EncoderSpec("sums", "1", 2)
    view = ViewSpec()
    offers = frozenset[Side]({"slice"})
    channels = frozenset({1})
    blocks = 2

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.seen: list[tuple[int, ...]] = []

    def _encode(self, side: Side, batch: Any) -> Encoded:
        if len(batch) > self.room:
            raise OutOfDeviceMemoryError("sums", "cuda:0", len(batch))
        if (batch == -1).any():
            raise EncoderError("a plane of -1")
        if (batch == -2).any():
            raise EncoderUnavailableError("gone")
        self.seen.append(batch.shape)
        return Encoded(np.stack([batch.sum((1, 2, 3)), batch[:, 0, 0, 0]], 1).astype(np.float32))

    def _encode_layers(self, side: Side, batch: Any, layers: Any) -> Encoded:
        tokens = {layer: layer * batch.reshape(len(batch), -1, 1) for layer in layers}
        return Encoded(self._encode(side, batch).vector, tokens=tokens, grid=batch.shape[2:])


class Sink:
    """One scan's planes, and what came back."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.found = np.full((len(values), 2), np.nan, np.float32)
        self.tokens: dict[int, np.ndarray] = {}
        self.errors: list[str] = []

    def part(self) -> Part:
        return Part(
            lambda rows: self.values[rows], self.values.shape[1:], len(self.values), self.give, lambda e: self.errors.append(str(e))
        )

    def give(self, rows: slice, encoded: Encoded) -> None:
        assert np.isnan(self.found[rows]).all()
        self.found[rows] = encoded.vector
        for layer, values in (encoded.tokens or {}).items():
            self.tokens.setdefault(layer, np.zeros((len(self.values), *values.shape[1:])))[rows] = values

    def check(self) -> None:
        np.testing.assert_allclose(self.found, np.stack([self.values.sum((1, 2, 3)), self.values[:, 0, 0, 0]], 1))


def planes(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    return rng.integers(0, 9, (count, 1, 2, width)).astype(np.float32)


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from([2, 3])), max_size=12), st.integers(1, 7), st.integers(1, 9))
@settings(deadline=None)
def test_every_row_comes_back_to_its_scan_whatever_fits(scans: list[tuple[int, int]], most: int, room: int) -> None:
    rng = np.random.default_rng(0)
    encoder = Sums(room)
    batches = Batches(encoder, "slice", (), most)
    sinks = [Sink(planes(rng, count, width)) for count, width in scans]
    for sink in sinks:
        batches.add(sink.part())
    batches.flush()
    for sink in sinks:
        sink.check()
        assert not sink.errors
    assert all(shape[0] <= min(most, room) for shape in encoder.seen)


def test_batches_are_full_and_hold_planes_of_several_scans() -> None:
    encoder = Sums()
    batches = Batches(encoder, "slice", (), 4)
    rng = np.random.default_rng(0)
    for count, width in ((3, 2), (2, 3), (3, 2), (7, 2)):
        batches.add(Sink(planes(rng, count, width)).part())
    assert [shape[0] for shape in encoder.seen] == [4, 4, 4]
    batches.flush()
    assert encoder.seen[3:] == [(1, 1, 2, 2), (2, 1, 2, 3)]


def test_without_room_batches_are_halved_from_then_on() -> None:
    encoder = Sums(room=3)
    batches = Batches(encoder, "slice", (), 16)
    rng = np.random.default_rng(0)
    sinks = [Sink(planes(rng, 16, 2)) for _ in range(2)]
    for sink in sinks:
        batches.add(sink.part())
        sink.check()
    assert batches.most == 2
    assert {shape[0] for shape in encoder.seen} == {2}


def test_without_room_for_one_the_scan_fails() -> None:
    batches, sink = Batches(Sums(room=0), "slice", (), 2), Sink(planes(np.random.default_rng(0), 1, 2))
    batches.add(sink.part())
    batches.flush()
    assert sink.errors == ["encoder 'sums' ran out of memory on cuda:0 with a batch of 1; use a smaller batch"]


def test_without_room_for_the_windows_batches_are_halved_too() -> None:
    import torch

    encoder, sink = Sums(), Sink(planes(np.random.default_rng(0), 8, 3))
    part = sink.part()

    def take(rows: slice) -> Any:
        if rows.stop - rows.start > 2:
            raise torch.OutOfMemoryError
        return part.take(rows)

    batches = Batches(encoder, "slice", (), 8)
    batches.add(replace(part, take=take))
    batches.flush()
    assert batches.most == 2
    assert not sink.errors
    np.testing.assert_array_equal(sink.found[:, 1], sink.values[:, 0, 0, 0])


def test_a_scan_that_cannot_be_encoded_costs_itself_only() -> None:
    batches, rng = Batches(Sums(), "slice", (), 6), np.random.default_rng(0)
    sinks = [Sink(planes(rng, 2, 2)) for _ in range(3)]
    sinks[1].values[1] = -1
    for sink in sinks:
        batches.add(sink.part())
    sinks[0].check()
    sinks[2].check()
    assert sinks[1].errors == ["a plane of -1"]


def test_an_encoder_out_of_reach_is_no_scans_fault() -> None:
    batches, sink = Batches(Sums(), "slice", (), 2), Sink(np.full((2, 1, 2, 2), -2, np.float32))
    with pytest.raises(EncoderUnavailableError, match="gone"):
        batches.add(sink.part())
    assert not sink.errors


def test_tokens_go_along() -> None:
    batches, sink = Batches(Sums(), "slice", (1, 2), 2), Sink(planes(np.random.default_rng(0), 5, 3))
    batches.add(sink.part())
    batches.flush()
    for layer in (1, 2):
        np.testing.assert_array_equal(sink.tokens[layer], layer * sink.values.reshape(5, 6, 1))
