"""The parts of CT-CLIP's transformer against their formulas, written out loop by loop."""

import math

import pytest
import torch

from scanbank.embed.ctclip.attention import Attention, ContinuousPositionBias, GatedGelu, PositionGenerator, feed_forward_dim
from scanbank.embed.ctclip.ctvit import Patches


@pytest.fixture(autouse=True)
def inference():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_the_position_bias_is_that_of_each_pair():
    bias = ContinuousPositionBias(6, 2)
    found = bias(2, 3)
    assert found.shape == (2, 6, 6)
    for i in range(6):
        for j in range(6):
            offset = [i // 3 - j // 3, i % 3 - j % 3]
            scaled = torch.tensor([math.copysign(math.log(abs(d) + 1), d) for d in offset])
            torch.testing.assert_close(found[:, i, j], bias.net(scaled))


class TestPositionGenerator:
    def test_planes_see_themselves_and_the_two_before(self):
        generator = PositionGenerator(3)
        x = torch.randn(2, 5 * 4 * 4, 3)
        changed = x.clone()
        changed.view(2, 5, 4, 4, 3)[:, 2] += 1
        moved = (generator(changed, (2, 5, 4, 4)) - generator(x, (2, 5, 4, 4))).view(2, 5, -1).abs().amax((0, 2)) > 1e-6
        assert moved.tolist() == [False, False, True, True, True]

    def test_a_voxel_by_hand(self):
        generator = PositionGenerator(2)
        x = torch.randn(1, 3, 3, 3, 2)
        assert generator.dsconv.bias is not None
        expected = generator.dsconv.bias + torch.einsum("zyxc,czyx->c", x[0], generator.dsconv.weight[:, 0])
        torch.testing.assert_close(generator(x.view(1, 27, 2), (1, 3, 3, 3)).view(3, 3, 3, 2)[2, 1, 1], expected)

    def test_memory_is_read_in_the_order_of_the_grid_whatever_the_rows_are(self):
        generator = PositionGenerator(2)
        x = torch.randn(2, 12, 2)
        as_rows = generator(x.view(6, 4, 2), (2, 4, 1, 3))
        torch.testing.assert_close(as_rows.view(2, 12, 2), generator(x, (2, 4, 1, 3)))


@pytest.mark.parametrize("nulls", [0, 2])
@pytest.mark.parametrize("biased", [False, True])
def test_attention_by_its_formula(nulls, biased):
    dim, heads, width, n = 6, 2, 4, 5
    attention = Attention(dim, heads, width, nulls)
    for part in (attention.norm.gamma, attention.norm.beta, attention.q_scale, attention.k_scale):
        part.add_(torch.randn_like(part))
    x = torch.randn(1, n, dim)
    bias = torch.randn(heads, n, n) if biased else None
    gathered = []
    for h in range(heads):
        own = slice(h * width, (h + 1) * width)
        normed = (x[0] - x[0].mean(1, keepdim=True)) / (x[0].var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        q = (normed * attention.norm.gamma + attention.norm.beta) @ attention.to_q.weight[own].T
        k = x[0] @ attention.to_kv.weight[own].T  # keys and values of the tokens as they come
        v = x[0] @ attention.to_kv.weight[heads * width :][own].T
        k = torch.cat([attention.null_kv[h, ::2], k])
        v = torch.cat([attention.null_kv[h, 1::2], v])
        q, k = (part / part.norm(dim=1, keepdim=True) for part in (q, k))
        scores = 8 * (q * attention.q_scale) @ (k * attention.k_scale).T
        if bias is not None:
            scores[:, nulls:] += bias[h]
        gathered.append(scores.softmax(1) @ v)
    expected = torch.cat(gathered, 1) @ attention.to_out.weight.T
    torch.testing.assert_close(attention(x, bias)[0], expected, atol=1e-6, rtol=1e-5)


def test_the_gate_is_the_second_half():
    # gelu(1) = 0.841345, gelu(-1) = -0.158655
    torch.testing.assert_close(GatedGelu()(torch.tensor([2.0, 3.0, 1.0, -1.0])), torch.tensor([1.682689, -0.475966]))


def test_inner_widths_are_rounded_down():
    assert [feed_forward_dim(dim) for dim in (512, 64, 20)] == [1365, 170, 53]


def test_patches_run_through_planes_rows_and_columns():
    x = torch.arange(4 * 6 * 4).view(1, 1, 4, 6, 4)
    found = Patches(2, (3, 2))(x)
    assert found.shape == (1, 2, 2, 2, 12)
    assert found[0, 1, 0, 1].tolist() == x[0, 0, 2:4, 0:3, 2:4].flatten().tolist()
