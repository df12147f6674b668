"""Which feature sets a study compares, where the user names some, a part of their names, or none."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from ..embed.named import is_named
from ..store.errors import UnknownNameError, UsageError
from ..store.features import FeatureSet, distinct_names
from ..store.windows import parse_windows
from .pools import is_pool, pool_of
from .units import Unit

if TYPE_CHECKING:
    from ..store.bank import Bank

USABLE: dict[Unit, tuple[str, ...]] = {"volume": ("volume", "slice", "depth", "tokens"), "slice": ("slice", "tokens")}
"""Kinds of feature sets that have vectors of a unit, pooled where there are several."""
_BESIDE = ("depth", "tokens")
"""Kinds that are compared where they are named; where they are not, only of encoders that have nothing else."""


@final
@dataclass(frozen=True)
class FeatureChoice:
    """What the user asks for; nothing means every set that has vectors of the unit."""

    names: tuple[str, ...] = ()
    """Names or beginnings of digests, several with commas between them; a pooled set may be named with its pooling, such as
    `intensity/brain/slice/max`."""
    encoder: str = ""
    """Sets of this encoder; `tiny` is any version of it."""
    window: str = ""
    """Sets of this window, as `embed` takes it."""
    pool: str = "mean"
    """How slices become a volume where no name says so."""


@final
@dataclass(frozen=True)
class ChosenSet:
    """A feature set, how it is pooled and what it is called."""

    features: FeatureSet
    pool: str
    name: str


def choose_features(bank: Bank, unit: Unit, choice: FeatureChoice) -> list[ChosenSet]:
    """The sets to compare, by name.

    Raises:
        UnknownNameError: a name, encoder or pooling is none of the bank's.
        UsageError: no set fits; the message says which there are.
    """
    pool_of(choice.pool)
    every = bank.feature_sets
    usable = [s for s in every if s.key.kind in USABLE[unit]]
    if not usable:
        there = f"it has {', '.join(s.name for s in every)}" if every else "it has none at all"
        raise UsageError(
            f"{bank.name} has no feature set with vectors of {unit}s, {there}; "
            f"make one with `scanbank embed {bank.name} --encoder intensity`"
        )

    names = distinct_names(every)
    asked = [name for text in choice.names for name in _apart(text, set(names.values()))]
    chosen = [_named(bank, name, names, unit, choice.pool) for name in asked] or [(s, choice.pool) for s in _by_default(usable)]
    if choice.encoder:
        known = {s.key.encoder.name for s, _ in chosen}
        chosen = [(s, p) for s, p in chosen if is_named(choice.encoder, s.key.encoder.name)]
        if not chosen:
            raise UnknownNameError(f"encoder of a feature set of {unit}s", choice.encoder, known, "`scanbank embed` makes more")
    if choice.window:
        windows = parse_windows(choice.window)
        listed = ", ".join(s.name for s, _ in chosen)
        chosen = [(s, p) for s, p in chosen if s.key.view.shows(windows)]
        if not chosen:
            way_out = f"`scanbank embed BANK --encoder NAME --window {choice.window}` makes one"
            raise UsageError(f"no feature set has window {choice.window!r}; there are: {listed}. {way_out}")
    distinct = {(s.digest, p): ChosenSet(s, p, names[s.digest]) for s, p in chosen}
    return sorted(distinct.values(), key=lambda c: (c.name, c.pool))


def _by_default(usable: list[FeatureSet]) -> list[FeatureSet]:
    plain = {s.key.encoder.digest for s in usable if s.key.kind not in _BESIDE}
    return [s for s in usable if s.key.kind not in _BESIDE or s.key.encoder.digest not in plain]


def _apart(text: str, known: Set[str]) -> list[str]:
    """Names with commas between them, each of which may itself have commas: of what is known, the longest goes first."""
    parts, names, at = text.split(","), [], 0
    while at < len(parts):
        ends = range(len(parts), at + 1, -1)
        end = next((end for end in ends if _plain(",".join(parts[at:end]).strip()) in known), at + 1)
        names.append(",".join(parts[at:end]).strip())
        at = end
    return [name for name in names if name]


def _plain(name: str) -> str:
    """Without its pooling."""
    head, _, tail = name.rpartition("/")
    return head if is_pool(tail) else name


def _named(bank: Bank, asked: str, names: Mapping[str, str], unit: Unit, pool: str) -> tuple[FeatureSet, str]:
    """The set of a name as it is shown, or of one that `Bank.features` knows; its pooling, where the name ends in one."""
    head, _, tail = asked.rpartition("/")
    plain, pool = (head, tail) if is_pool(tail) else (asked, pool)
    digest = next((digest for digest, name in names.items() if name == plain), plain)
    found = bank.features(digest)
    if found.key.kind not in USABLE[unit]:
        there = ", ".join(s.name for s in bank.feature_sets if s.key.kind in USABLE[unit])
        raise UsageError(f"feature set {found.name!r} has no vectors of {unit}s; those that have: {there}")
    return found, pool
