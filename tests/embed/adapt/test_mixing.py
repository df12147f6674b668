from __future__ import annotations

import numpy as np
import pytest
import torch

from scanbank.embed.adapt.mixing import Mix, mixed_part
from scanbank.embed.adapt.objective import Batch, Part
from scanbank.store.errors import UsageError
from toy_towers import toy_batch, toy_parts

ROWS = [4, 0, 3, 1, 2]


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("shift", [1, 3])
def test_parts_are_mixed_as_the_whole(size: int, shift: int) -> None:
    mix, whole = Mix(0.75, shift), toy_batch(ROWS).pixels
    expected = 0.75 * whole + 0.25 * whole[[(place + shift) % 5 for place in range(5)]]
    parts = toy_parts(ROWS, size)
    found = [mixed_part(parts, number, mix) for number in range(len(parts))]
    torch.testing.assert_close(torch.cat([one.pixels for one in found]), expected)
    torch.testing.assert_close(mix.of_vectors(whole), expected)
    assert [row for one in found for row in one.rows] == ROWS


def test_shares_and_partners() -> None:
    mix = Mix(0.75, 1)
    assert mix.shares(3, torch.device("cpu")).tolist() == [[0.75, 0.25, 0], [0, 0.75, 0.25], [0.25, 0, 0.75]]
    assert mix.partners(torch.tensor([0, 1, 2])).tolist() == [1, 2, 0]
    assert torch.equal(Mix().shares(3, torch.device("cpu")), torch.eye(3))


def test_planes_are_mixed_with_the_partners_planes() -> None:
    """A scan of two planes and one of three, one number a plane."""
    batch = Batch((0, 1), torch.tensor([1.0, 2.0, 10.0, 20.0, 30.0]).view(5, 1, 1, 1), torch.tensor([0, 0, 1, 1, 1]))
    found = mixed_part([Part(2, lambda: batch)], 0, Mix(0.5, 1))
    assert found.pixels.flatten().tolist() == [5.5, 11, 5.5, 11, 15.5]
    assert found.owner.tolist() == [0, 0, 1, 1, 1]


def test_what_is_drawn() -> None:
    drawn = [Mix.drawn(0.2, 6, np.random.default_rng(seed)) for seed in range(200)]
    assert {mix.shift for mix in drawn} == {1, 2, 3, 4, 5}  # never itself
    assert min(mix.own for mix in drawn) >= 0.5
    # Beta(0.2, 0.2) has two thirds of its mass beyond 0.1 and 0.9
    assert 0.55 < np.mean([mix.own > 0.9 for mix in drawn]) < 0.8
    assert drawn == [Mix.drawn(0.2, 6, np.random.default_rng(seed)) for seed in range(200)]
    assert not Mix.drawn(0.0, 6, np.random.default_rng(0)).mixes
    assert not Mix.drawn(0.2, 1, np.random.default_rng(0)).mixes


def test_pixels_of_other_shapes() -> None:
    small, large = (Batch((0,), torch.zeros(1, 1, side, side), torch.zeros(1, dtype=torch.int64)) for side in (2, 3))
    with pytest.raises(UsageError, match=r"shape \(1, 2, 2\) with \(1, 3, 3\); choose a view of one size, or mixup 0"):
        mixed_part([Part(1, lambda: small), Part(1, lambda: large)], 0, Mix(0.75, 1))
