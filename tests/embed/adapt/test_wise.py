from __future__ import annotations

import pytest
import torch

from scanbank.embed.adapt.wise import interpolated_update
from scanbank.store.errors import UsageError

PARENT = {"weight": torch.tensor([[1.0, -0.0, 3.0]]), "half": torch.tensor([1.0, 2.0], dtype=torch.bfloat16), "count": torch.tensor(3)}
CHILD = {"weight": torch.tensor([[2.0, 4.0, -1.0]]), "half": torch.tensor([2.0, 2.0], dtype=torch.bfloat16), "count": torch.tensor(9)}


def bits(state: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: value.contiguous().view(torch.uint8).numpy().tobytes() for name, value in ((n, v[None]) for n, v in state.items())}


def test_the_ends_are_parent_and_child_bit_for_bit() -> None:
    assert bits(interpolated_update(PARENT, CHILD, 0)) == bits(PARENT)
    assert bits(interpolated_update(PARENT, CHILD, 1)) == bits(CHILD)
    found = interpolated_update(PARENT, CHILD, 0)
    found["weight"].zero_()
    assert PARENT["weight"][0, 0] == 1  # tensors of its own


def test_between_by_hand() -> None:
    found = interpolated_update(PARENT, CHILD, 0.25)
    assert found["weight"].tolist() == [[1.25, 1.0, 2.0]]
    assert found["half"].tolist() == [1.25, 2.0]
    assert (found["half"].dtype, found["count"].item()) == (torch.bfloat16, 3)
    assert interpolated_update(PARENT, CHILD, 0.75)["count"].item() == 9


def test_an_update_of_low_rank_is_scaled() -> None:
    torch.manual_seed(0)
    weight, down, up = torch.randn(4, 5), torch.randn(2, 5), torch.randn(4, 2)
    update = {"layer.lora_A.default.weight": down, "layer.lora_B.default.weight": up, "log_scale": torch.tensor(2.0)}
    found = interpolated_update({"log_scale": torch.tensor(1.0)}, update, 0.3)
    merged = weight + found["layer.lora_B.default.weight"] @ found["layer.lora_A.default.weight"]
    expected = interpolated_update({"w": weight}, {"w": weight + up @ down}, 0.3)["w"]
    torch.testing.assert_close(merged, expected)
    assert found["log_scale"].item() == pytest.approx(1.3)
    ends = interpolated_update({"log_scale": torch.tensor(1.0)}, update, 1)
    assert all(torch.equal(ends[name], value) for name, value in update.items())


def test_what_lies_on_no_line() -> None:
    with pytest.raises(UsageError, match="the parent has no 'half' to go back to"):
        interpolated_update({"weight": PARENT["weight"]}, CHILD, 0.5)
    with pytest.raises(UsageError, match=r"'weight' has shape \(1, 3\) in the parent and \(2,\) in the child"):
        interpolated_update(PARENT, CHILD | {"weight": torch.zeros(2)}, 0.5)
    with pytest.raises(UsageError, match="to go back to; weights can be interpolated after lora"):
        interpolated_update(PARENT, {"block_adapter.up.weight": torch.zeros(2)}, 0.5)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match=r"expected a number from 0 \(the parent\) to 1 \(the child\)"):
            interpolated_update(PARENT, CHILD, alpha)
