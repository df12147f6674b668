from __future__ import annotations

import math

import pytest
import torch

from scanbank.embed.adapt.pair_scale import PairScale
from toy_towers import model_of, toy


def test_the_models_own_scale_and_bias_train() -> None:
    encoder = toy(trains=())
    scale = PairScale(encoder, bias=True, start=10)
    assert not list(scale.parameters())
    assert scale(torch.tensor([0.5])).item() == pytest.approx(math.exp(1) * 0.5 - 0.5)
    scale(torch.tensor([0.5])).sum().backward()
    assert model_of(encoder).log_scale.grad is not None
    assert model_of(encoder).log_scale.grad.item() == pytest.approx(math.exp(1) * 0.5)
    assert model_of(encoder).bias.grad is not None
    assert model_of(encoder).bias.grad.item() == 1


def test_a_bias_that_is_not_asked_for_stays() -> None:
    encoder = toy(trains=())
    assert PairScale(encoder, bias=False, start=10)(torch.tensor([0.5])).item() == pytest.approx(math.exp(1) * 0.5)
    assert not model_of(encoder).bias.requires_grad


def test_its_own_where_the_model_has_none() -> None:
    scale = PairScale(toy(named=False), bias=True, start=10)
    assert {name: value.item() for name, value in scale.named_parameters()} == pytest.approx({"log_scale": math.log(10), "bias": -10})
    assert scale(torch.tensor([0.5])).item() == pytest.approx(-5)


def test_the_scale_ends_at_100_and_can_come_back() -> None:
    encoder = toy()
    scale = PairScale(encoder, bias=False, start=10)
    with torch.no_grad():
        model_of(encoder).log_scale.fill_(6.0)
    assert scale.scale().item() == pytest.approx(100)
    scale.scale().backward()
    assert model_of(encoder).log_scale.grad is not None
    assert model_of(encoder).log_scale.grad.item() == pytest.approx(100)


def test_a_model_that_began_higher_stays_there() -> None:
    encoder = toy()
    with torch.no_grad():
        model_of(encoder).log_scale.fill_(4.75)
    assert PairScale(encoder, bias=False, start=10).scale().item() == pytest.approx(math.exp(4.75))
