"""Opening the encoders that a bank names. A bank may come from anyone: what it names runs no code and sends nothing unasked."""

from __future__ import annotations

import re

from ..store.errors import EncoderError, UsageError
from .encoder import Encoder
from .names import ADAPTED, adapted_parts
from .registry import open_encoder, scheme_of

_SUFFIXES = re.compile(r"(.+?)((?:\+(?:random\d+|bf16|fp16))*)")


def bank_name(uri: str) -> str:
    """What a bank calls the encoder of a URI: `siglip:/models/mine` is `siglip:mine`. What is no URI stays as it is."""
    match = _SUFFIXES.fullmatch(uri)
    scheme = scheme_of(uri)
    if match is None or scheme is None or ":" not in match[1]:
        return uri
    kind, _, name = match[1].partition(":")
    return f"{kind}:{scheme.bank_name(name)}{match[2]}"


def is_named(asked: str, name: str) -> bool:
    """Whether `name`, of an encoder in a bank, is what a user asks for: `tiny` is any version of it, and a path is its last part."""
    return asked in (name, name.partition("@")[0]) or name == bank_name(asked)


def open_named(name: str, *, device: str = "auto", typed: str = "", trust_code: bool = False) -> Encoder:
    """The encoder that a bank calls `name`, for its text side.

    Args:
        name: As `EncoderSpec.name` in the bank.
        device: As in `open_encoder`. What runs on the CPU alone is no reason to refuse a device.
        typed: A URI that the user wrote. Where it is that of `name`, it is opened: with its path, and with its code. So is the PARENT
            of `adapted:NAME,PARENT`.
        trust_code: Whether the user said that code which the bank names may run.

    Raises:
        EncoderError: it is not on this machine, or opening it would do what only the user may ask for.
    """
    scheme = scheme_of(name)
    if scheme is None:
        raise EncoderError(f"encoder {name!r}, which the bank names, is of no kind that is installed here")
    if scheme.cpu_only:
        device = "auto"
    spoken = (typed, adapted_parts(typed.removeprefix(ADAPTED))[1]) if typed.startswith(ADAPTED) else (typed,)
    uri = next((one for one in spoken if one and name in (one, bank_name(one))), "")
    asked = bool(uri)
    if scheme.unasked and not asked and not trust_code:
        raise EncoderError(
            f"encoder {name!r} is named inside the bank and was not opened, because {scheme.unasked}; "
            f"if you trust it, name it yourself: --encoder {name}, or give --trust-code"
        )
    try:
        return open_encoder(uri or name, device=device)
    except UsageError as error:  # the name is not the user's mistake, and another of the bank's encoders may do
        raise EncoderError(str(error)) from error
