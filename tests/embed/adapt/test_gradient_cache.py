from __future__ import annotations

import torch
from torch import Tensor, nn

from scanbank.embed.adapt.gradient_cache import GradientCache
from toy_towers import gradients

CPU = torch.device("cpu")


def network(dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Dropout(dropout), nn.Linear(7, 3))


def between(vectors: Tensor) -> Tensor:
    """A loss in which every example depends on every other."""
    return (vectors @ vectors.T).logsumexp(1).mean()


def test_parts_have_the_gradients_of_the_whole() -> None:
    model, x = network().double(), torch.randn(7, 5, dtype=torch.float64)
    between(model(x)).backward()
    expected = gradients(model)
    cache = GradientCache(CPU)
    vectors = torch.cat([cache.run(lambda part=part: (model(part),))[0] for part in x.split(3)])
    loss = between(vectors)
    loss.backward()
    assert not gradients(model)
    cache.backward()
    torch.testing.assert_close(gradients(model), expected, atol=1e-12, rtol=0)


def test_what_was_dropped_is_dropped_again() -> None:
    model, x = network(0.5), torch.randn(6, 5)
    model(x).sum().backward()  # something draws before
    gradients(model)
    cache = GradientCache(CPU)
    given: list[Tensor] = []

    def encode(part: Tensor) -> tuple[Tensor, ...]:
        found = model(part)
        given.append(found.detach())
        return (found,)

    leaves = [cache.run(lambda part=part: encode(part))[0] for part in x.split(2)]
    between(torch.cat(leaves)).backward()
    state = torch.get_rng_state()
    cache.backward()
    assert len(given) == 6
    for first, again in zip(given[:3], given[3:], strict=True):
        assert torch.equal(first, again)
    assert not torch.equal(model(x.split(2)[0]), given[0])
    torch.set_rng_state(state)
    after = torch.rand(3)
    torch.set_rng_state(state)
    cache.backward()  # nothing is left, and nothing of the caller's generator is used
    assert torch.equal(torch.rand(3), after)


def test_autocast_keeps_no_weights_without_gradients() -> None:
    model, x = network(), torch.randn(4, 5)
    cache = GradientCache(CPU)
    with torch.autocast("cpu", torch.bfloat16):
        leaves = [cache.run(lambda part=part: (model(part),))[0] for part in x.split(2)]
        between(torch.cat(leaves).float()).backward()
        cache.backward()
    assert set(gradients(model)) == {f"0.{name}" for name, _ in model.named_parameters()}


def test_what_does_not_train_is_encoded_once() -> None:
    calls: list[int] = []

    def encode() -> tuple[Tensor, ...]:
        calls.append(1)
        return (torch.ones(2),)

    cache = GradientCache(CPU)
    assert not cache.run(encode, trains=False)[0].requires_grad
    cache.backward()
    assert calls == [1]


def test_masks_and_what_no_loss_uses() -> None:
    model, x = network(), torch.randn(4, 5)
    cache = GradientCache(CPU)
    used, mask, unused = cache.run(lambda: (model(x), x[:, 0] > 0, 2 * model(x)))
    assert mask.dtype == torch.bool
    assert unused.grad is None
    used.sum().backward()
    cache.backward()
    assert gradients(model)
