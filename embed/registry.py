"""Encoders by URI. Adding one is a file in `encoders/` and a line in the table here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module

from ..store.errors import UnknownNameError, UsageError
from .encoder import Encoder


@dataclass(frozen=True)
class _Scheme:
    module: str
    """In `encoders/`; it has `open_encoder(name, *, random_weights, device)`."""
    form: str
    example: str
    versioned: bool = False
    """Named `KIND` or `KIND@VERSION`, the version going to `open_encoder` as its name."""


# Imported by name only when asked for: `intensity` must not load torch, nor timm open_clip.
_SCHEMES: dict[str, _Scheme] = {
    "intensity": _Scheme("intensity", "intensity", "intensity"),
    "open_clip": _Scheme("open_clip_models", "open_clip:MODEL/TAG", "open_clip:ViT-B-32/laion2b_s34b_b79k"),
    "timm": _Scheme("timm_models", "timm:NAME", "timm:resnet18"),
    "tiny": _Scheme("tiny_models", "tiny", "tiny", versioned=True),
}

_RANDOM = re.compile(r"(.+)\+random(\d+)")
_PRECISION = re.compile(r"(.+)\+(bf16|fp16)")


def encoder_schemes() -> tuple[str, ...]:
    """The forms of URI that `open_encoder` takes, such as `timm:NAME`."""
    return tuple(scheme.form for scheme in _SCHEMES.values())


def open_encoder(uri: str, *, random_weights: int | None = None, device: str = "auto") -> Encoder:
    """The encoder that `uri` names, ready to encode; nothing is downloaded.

    Args:
        uri: `intensity`, `tiny` or `tiny@VERSION`, `timm:NAME`, `open_clip:MODEL/TAG` or `open_clip:hf-hub:ORG/NAME`.
            The name of an encoder with random weights, such as `timm:resnet18+random0`, is one too; `+bf16` or `+fp16` at the end lets
            matrix products be computed so (torch's autocast).
        random_weights: A seed from 0: the model gets random weights instead of trained ones, for trying out; its name and digest say so.
        device: `auto` (an accelerator where there is one), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UnknownNameError: there is no such kind of encoder or no such model.
        UsageError: the URI lacks its model, or an option has no meaning for it.
        EncoderError: the weights or the device are not on this machine.
    """
    if match := _PRECISION.fullmatch(uri):
        return open_encoder(match[1], random_weights=random_weights, device=device).at_precision(match[2])
    if match := _RANDOM.fullmatch(uri):
        seed = int(match[2])
        if random_weights not in (None, seed):
            raise UsageError(f"encoder {uri!r} names the seed {seed} and the seed {random_weights} is asked for; give one of them")
        uri, random_weights = match[1], seed
    if random_weights is not None and random_weights < 0:
        raise UsageError(f"seed of random weights is {random_weights}; expected 0 or more")
    kind, _, name = uri.partition(":")
    if (plain := kind.partition("@"))[0] in _SCHEMES and _SCHEMES[plain[0]].versioned:
        kind, name = plain[0], plain[2] or name
    if kind not in _SCHEMES:
        raise UnknownNameError("encoder", kind, _SCHEMES, f"Write one of {', '.join(encoder_schemes())}")
    scheme = _SCHEMES[kind]
    if not name and ":" in scheme.form:
        raise UsageError(f"encoder {uri!r} lacks its model: write {scheme.form}, such as {scheme.example}")
    module = import_module(f".encoders.{scheme.module}", __package__)
    return module.open_encoder(name, random_weights=random_weights, device=device)
