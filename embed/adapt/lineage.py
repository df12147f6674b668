"""Which of a bank's encoders was adapted from which, how and on what, and which vectors each has made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

from ...store.artifacts import listed
from ...store.errors import EncoderError
from ...store.features import distinct_names
from ...store.known_encoders import known_specs
from ...store.specs import EncoderSpec
from ..tiny.bundled import Bundled, bundled_parents
from .card import Card, read_card

if TYPE_CHECKING:
    from ...store.bank import Bank

UNKNOWN = "unknown"
"""Stands for the name of a parent of which a bank has the digest alone, and which does not come along."""


@final
@dataclass(frozen=True)
class MadeSet:
    """A feature set of an encoder."""

    name: str
    digest: str
    kind: str
    vectors: int
    """Rows: items that have a vector, or several."""
    aliases: tuple[str, ...]


@final
@dataclass(frozen=True)
class Member:
    """An encoder of a bank."""

    encoder: str
    """Its digest."""
    name: str
    parent: str
    """Digest of what it was adapted from; empty for one that was not."""
    adapter: str
    """sha256 of its adapter; empty for one without."""
    kept: bool
    """Whether the bank holds the adapter, so that the encoder can be opened."""
    method: str
    moving: Mapping[str, Any]
    objective: Mapping[str, Any]
    """What it learned, as its card says."""
    data: Mapping[str, Any]
    """What it was trained on, as its card says."""
    trained_items: int
    """Items of this bank that it was trained on, as far as the bank knows."""
    epochs: int
    best: Mapping[str, Any]
    """What is told of the epoch that was kept; empty where there is none."""
    sets: tuple[MadeSet, ...]


def lineage(bank: Bank) -> list[Member]:
    """Every encoder that the bank knows, each after its parent, those of one parent by name."""
    specs = known_specs(bank)
    cards = _cards(bank)
    there = {file.artifact for file in listed(bank.snapshot.root)}
    counted = "SELECT encoder, count(*) AS n FROM trained_items GROUP BY encoder"
    trained = {row["encoder"]: row["n"] for row in bank.sql(counted).to_pylist()} if bank.snapshot.files("trained_items") else {}
    sets, bundled = _sets(bank), bundled_parents()
    members: list[Member] = []
    for digest in [*specs, *_parents(specs, bundled)]:
        spec, card, known = specs.get(digest), cards.get(digest), bundled.get(digest)
        epochs, best = (card.epochs, card.best) if card else ((), 0)
        members.append(
            Member(
                encoder=digest,
                name=spec.name if spec else known.name if known else UNKNOWN,
                parent=spec.parent if spec else known.parent if known else "",
                adapter=spec.adapter if spec else "",
                kept=bool(spec and spec.adapter in there),
                method=card.moving.method if card else "",
                moving=asdict(card.moving) if card else {},
                objective=card.objective if card else {},
                data=card.data if card else {},
                trained_items=trained.get(digest, 0),
                epochs=len(epochs),
                best=epochs[best - 1] if 0 < best <= len(epochs) else {},
                sets=tuple(sets.get(digest, ())),
            )
        )
    return list(_in_order(members))


def _parents(specs: Mapping[str, EncoderSpec], bundled: Mapping[str, Bundled]) -> list[str]:
    """Digests of parents that the bank does not know otherwise, and of those that bundled ones have."""
    found: dict[str, None] = {}
    for spec in specs.values():
        digest = spec.parent
        while digest and digest not in specs and digest not in found:
            found[digest] = None
            digest = bundled[digest].parent if digest in bundled else ""
    return list(found)


def children_of(members: Sequence[Member], parent: str) -> list[Member]:
    """Those of a parent's digest; of an empty one, those that were adapted from none."""
    return [one for one in members if one.parent == parent]


def _cards(bank: Bank) -> dict[str, Card]:
    rows = bank.snapshot.latest("encoders", "card") if bank.snapshot.files("encoders") else []
    found: dict[str, Card] = {}
    for row in rows:
        with suppress(EncoderError):  # a bank may come from anyone: of a card that is none, nothing is shown
            found[row["encoder"]] = read_card(row["card"] or "", "card")[0]
    return found


def _sets(bank: Bank) -> dict[str, list[MadeSet]]:
    aliases: dict[str, list[str]] = defaultdict(list)
    for alias, digest in sorted(bank.aliases.items()):
        aliases[digest].append(alias)
    names, found = distinct_names(bank.feature_sets), dict[str, list[MadeSet]]()
    for one in bank.feature_sets:
        made = MadeSet(names[one.digest], one.digest, one.key.kind, one.rows, tuple(aliases[one.digest]))
        found.setdefault(one.key.encoder.digest, []).append(made)
    return found


def _in_order(members: list[Member]) -> Iterator[Member]:
    known = {one.encoder for one in members}
    waiting = sorted((one for one in members if one.parent not in known), key=lambda one: (one.name, one.encoder), reverse=True)
    given: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one.encoder in given:
            continue
        given.add(one.encoder)
        yield one
        waiting += sorted(children_of(members, one.encoder), key=lambda child: (child.name, child.encoder), reverse=True)
