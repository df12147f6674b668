"""Opening the adapted encoders that a bank keeps: their artifacts come from it, what they were adapted from is opened as ever."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ...store.artifacts import read_files
from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.known_encoders import read_spec
from ...store.specs import EncoderSpec
from ..encoder import Encoder
from ..named import open_named
from ..names import ADAPTED, adapted_parts
from ..registry import open_encoder

if TYPE_CHECKING:
    from ...store.bank import Bank
    from .artifact import Artifact

Opener = Callable[[str], Encoder]
"""Opens an encoder by the name that a bank gives it."""
_SUFFIXED = re.compile(r"(.+?)((?:\+(?:bf16|fp16))?)")


@final
@dataclass(frozen=True)
class Kept:
    """An adapted encoder as a bank keeps it."""

    spec: EncoderSpec
    card: str
    """JSON."""

    @property
    def name(self) -> str:
        return self.spec.name


def kept_encoders(bank: Bank) -> list[Kept]:
    """The adapted encoders of a bank, by name."""
    rows = bank.snapshot.latest("encoders", "name", "adapter", "spec", "card") if bank.snapshot.files("encoders") else []
    found = [Kept(read_spec(row), row["card"] or "") for row in rows if row["adapter"]]
    return sorted(found, key=lambda one: (one.name, one.spec.digest))


def kept_named(bank: Bank, name: str) -> Kept:
    """The one of a name, with or without `adapted:` before it, or of a digest that begins so.

    Raises:
        UnknownNameError: there is none.
        UsageError: several fit.
    """
    every = kept_encoders(bank)
    found = [one for one in every if name in (one.name, one.name.removeprefix(ADAPTED))]
    found = found or [one for one in every if len(name) >= 6 and one.spec.digest.startswith(name)]
    if not found:
        raise UnknownNameError("adapted encoder", name, {one.name for one in every}, "`scanbank lineage BANK` shows them")
    if len(found) > 1:
        listed = ", ".join(f"{one.spec.digest[:8]} ({one.name})" for one in found)
        raise UsageError(f"{name!r} may be any of {listed}; name one by its digest")
    return found[0]


def artifact_in(bank: Bank, kept: Kept) -> Artifact:
    """Its artifact.

    Raises:
        EncoderError: the bank holds it no more, or it is damaged.
        BankDamagedError: a file is not what was committed.
    """
    from .artifact import artifact_of

    try:
        files = read_files(bank.place, bank.snapshot.root, kept.spec.adapter)
    except UnknownNameError as error:
        raise EncoderError(
            f"encoder {kept.name!r}: its adapter is not in {bank.name} any more (it was forgotten, or set aside by `scanbank doctor`); "
            f"its vectors can be used, new ones need `{ADAPTED}FOLDER`, a copy of it"
        ) from error
    found = artifact_of(files, f"{bank.name}: adapter {kept.spec.adapter[:12]}")
    if found.spec.digest != kept.spec.digest:
        raise EncoderError(
            f"encoder {kept.name!r}: the bank's artifact is of another encoder ({found.spec.digest[:8]}); see `scanbank doctor`"
        )
    return found


def within(bank: Bank, opened_by: Opener = open_named) -> Opener:
    """Opens encoders that a bank names: its own adapted ones from their artifacts, all others by `opened_by`.

    What `opened_by` itself gives under the name of an adapted one goes first, where it is the same encoder: a user may have named its
    folder, and a service has it loaded. Raises what `opened_by` raises, and EncoderError and BankDamagedError of artifacts.
    """

    def opened(name: str) -> Encoder:
        if not name.startswith(ADAPTED):
            return opened_by(name)
        plain, suffix = _split(name)
        found = [one for one in kept_encoders(bank) if one.name == plain]
        if not found:
            return opened_by(name)
        if len(found) > 1:
            digests = ", ".join(one.spec.digest[:8] for one in found)
            raise EncoderError(f"encoder {plain!r} may be any of {len(found)} that {bank.name} keeps ({digests}): its table was edited")
        return _opened(bank, found[0], suffix, opened_by, opened)

    return opened


def _opened(bank: Bank, kept: Kept, suffix: str, opened_by: Opener, again: Opener) -> Encoder:
    from .child import check_parent, child_of

    wanted = replace(kept.spec, name=kept.name + suffix)
    try:
        given = opened_by(wanted.name)
        if given.spec.digest == wanted.digest:
            return given
    except EncoderError:
        pass
    artifact = artifact_in(bank, kept)
    parent = artifact.card.parent
    own = next((one for one in kept_encoders(bank) if one.spec.digest == parent.digest), None)
    if own is None and parent.name.startswith(ADAPTED):
        check_parent(_kept_spec(bank, parent.name, parent), artifact)  # before it is opened: nothing is its own ancestor
    child = child_of(again(parent.name) if own is None else _opened(bank, own, "", opened_by, again), artifact)
    return child.at_precision(suffix[1:]) if suffix else child


def _kept_spec(bank: Bank, name: str, otherwise: EncoderSpec) -> EncoderSpec:
    return next((one.spec for one in kept_encoders(bank) if one.name == name), otherwise)


def open_in(bank: Bank, uri: str, *, random_weights: int | None = None, device: str = "auto") -> Encoder:
    """The encoder that a user names for a bank: `adapted:NAME` is one that the bank keeps, where it does; all else as `open_encoder`.

    `adapted:NAME,PARENT` says by which URI its parent is opened. `adapted:./FOLDER` is never the bank's.

    Raises:
        UsageError, EncoderError: as `open_encoder` and `within`.
    """
    plain, suffix = _split(uri)
    name, typed = adapted_parts(plain.removeprefix(ADAPTED))
    held = plain.startswith(ADAPTED) and any(one.name == ADAPTED + name for one in kept_encoders(bank))
    if not held:
        try:
            return open_encoder(uri, random_weights=random_weights, device=device)
        except EncoderError as error:
            names = [one.name for one in kept_encoders(bank)]
            if plain.startswith(ADAPTED) and names and not Path(name).expanduser().exists():
                raise UnknownNameError("adapted encoder", ADAPTED + name, names) from error
            raise
    if random_weights is not None:
        raise UsageError(f"encoder {uri!r} has the weights that the bank keeps; leave --random-weights out")
    return within(bank, partial(open_named, device=device, typed=typed or uri))(ADAPTED + name + suffix)


def _split(name: str) -> tuple[str, str]:
    match: Any = _SUFFIXED.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")
