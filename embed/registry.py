"""Encoders by URI. Adding one is a file in `encoders/` and a line in the table here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ..store.errors import UnknownNameError, UsageError
from .encoder import Encoder
from .names import adapted_name, checkpoint_name, file_name, folder_name, local_dir_name
from .plugins import open_plugin, plugin_schemes


@dataclass(frozen=True)
class Scheme:
    """A kind of encoder: what its URIs look like, where its code is, and what holds for all encoders of the kind."""

    module: str
    """In `encoders/`; it has `open_encoder(name, *, random_weights, device)`."""
    form: str
    example: str
    versioned: bool = False
    """Named `KIND` or `KIND@VERSION`, the version going to `open_encoder` as its name."""
    cpu_only: bool = False
    """It runs on the CPU whatever device is asked for elsewhere."""
    unasked: str = ""
    """What opening one does that the name in a bank is no reason to do, such as running code; empty where there is no such thing."""
    bank_name: Callable[[str], str] = str
    """What a bank calls the NAME that a user wrote: one of local files loses its path."""


_RUNS_CODE = "it runs code of others"

# Imported by name only when asked for: `intensity` must not load torch, nor timm open_clip.
_SCHEMES: dict[str, Scheme] = {
    "adapted": Scheme("adapted_models", "adapted:FOLDER", "adapted:runs/brain-lora", bank_name=adapted_name),
    "ctclip": Scheme("ctclip_models", "ctclip:CHECKPOINT[,CONFIG.json]", "ctclip:CT-CLIP_v2.pt", bank_name=file_name),
    "http": Scheme("http_models", "http://HOST:PORT", "http://127.0.0.1:8000", unasked="it sends texts to another machine"),
    "intensity": Scheme("intensity", "intensity", "intensity", cpu_only=True),
    "module": Scheme("own_code", "module:PACKAGE.MODULE:FACTORY", "module:my_models.radfinder:open_encoder", unasked=_RUNS_CODE),
    "monai": Scheme("monai_nets", "monai:NET@CHECKPOINT", "monai:resnet18@resnet_18.pth", bank_name=checkpoint_name),
    "open_clip": Scheme("open_clip_models", "open_clip:MODEL/TAG", "open_clip:ViT-B-32/laion2b_s34b_b79k", bank_name=local_dir_name),
    "siglip": Scheme("siglip_models", "siglip:ORG/NAME", "siglip:google/medsiglip-448", bank_name=folder_name),
    "timm": Scheme("timm_models", "timm:NAME", "timm:resnet18"),
    "tiny": Scheme("tiny_models", "tiny", "tiny", versioned=True, bank_name=folder_name),
    "tiny-vocabfine": Scheme("tiny_vocabfine", "tiny-vocabfine", "tiny-vocabfine", versioned=True),
    "torchvision": Scheme("torchvision_models", "torchvision:NAME", "torchvision:resnet50/IMAGENET1K_V2"),
}

_RANDOM = re.compile(r"(.+)\+random(\d+)")
_PRECISION = re.compile(r"(.+)\+(bf16|fp16)")


def encoder_schemes() -> tuple[str, ...]:
    """The forms of URI that `open_encoder` takes, such as `timm:NAME`."""
    return tuple(scheme.form for scheme in _SCHEMES.values())


def scheme_of(uri: str) -> Scheme | None:
    """The kind of encoder that a URI or a bank's name is of; None where nothing here or installed has it. No code of it is imported."""
    kind = re.split("[:@+]", uri)[0]
    if kind not in _SCHEMES and kind in plugin_schemes():
        return Scheme("", f"{kind}:NAME", f"{kind}:NAME", unasked=_RUNS_CODE)
    return _SCHEMES.get(kind)


def open_encoder(uri: str, *, random_weights: int | None = None, device: str = "auto") -> Encoder:
    """The encoder that `uri` names, ready to encode; nothing is downloaded.

    Args:
        uri: One of the forms in docs/encoders.md, such as `tiny`, `siglip:FOLDER` or `http://HOST:PORT`. It is the user's own word: what it
            names is run. For a name that was found in a bank see `open_named`.
            The name of an encoder with random weights, such as `timm:resnet18+random0`, is one too; `+bf16` or `+fp16` at the end lets
            matrix products be computed so (torch's autocast).
        random_weights: A seed from 0: the model gets random weights instead of trained ones, for trying out; its name and digest say so.
        device: `auto` (an accelerator where there is one), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UnknownNameError: there is no such kind of encoder or no such model.
        UsageError: the URI lacks its model, or an option has no meaning for it.
        EncoderError: the weights or the device are not on this machine.
    """
    if uri.startswith(("http://", "https://")):  # whole: `+random0` in it belongs to the name of a model there
        remote = import_module(".encoders.http_models", __package__)
        return remote.open_encoder(uri, random_weights=random_weights, device=device)
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
        plugins = plugin_schemes()
        if kind not in plugins:
            forms = [*encoder_schemes(), *(f"{plugin}:NAME" for plugin in sorted(plugins))]
            raise UnknownNameError("encoder", kind, [*_SCHEMES, *plugins], f"Write one of {', '.join(forms)}")
        return open_plugin(uri, plugins[kind], name, random_weights=random_weights, device=device)
    scheme = _SCHEMES[kind]
    if not name and ":" in scheme.form:
        raise UsageError(f"encoder {uri!r} lacks its model: write {scheme.form}, such as {scheme.example}")
    module = import_module(f".encoders.{scheme.module}", __package__)
    return module.open_encoder(name, random_weights=random_weights, device=device)
