"""Refreshing a bank: everything that one encoder has embedded is embedded by another, beside it; then aliases move, all at once.

An alias stands for one feature set. While vectors are made it stands where it stood, and it moves in one commit, once the new sets hold
every item that the old ones hold: whoever searches by it sees vectors of one encoder alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ..embed.encoder import Encoder
from ..embed.named import is_named
from ..embed.pipeline import embed
from ..embed.texts import embed_texts
from ..store.errors import EncoderError, MapMissingError, UnknownNameError, UsageError
from ..store.progress import Progress, Silent
from ..store.specs import EncoderSpec
from ..store.status import failed_items
from ..store.tags import check_name
from .prompt_refresh import refresh_prompts
from .refresh_plan import Pair, Part, lacking_items, pairs_of, parts_of, volumes_of

if TYPE_CHECKING:
    from ..store.bank import Bank

_TEXTS = ("text", "prompt")


@final
@dataclass(frozen=True)
class Lacking:
    """A scan that has vectors by the old encoder, and none by the new one."""

    volume: str
    sets: tuple[str, ...]
    """The old encoder's."""
    reason: str
    path: str
    """Where it was, as far as this machine knows."""


@final
@dataclass(frozen=True)
class RefreshedSet:
    """A feature set of the old encoder, and what the new one has beside it."""

    old: str
    new: str
    digest: str
    """Of the new one."""
    items: int
    """That the old one holds, of scans, texts and prompts that the bank has."""
    lacking: int
    """Of these, in the new one."""


@final
@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    old: str
    new: str
    sets: tuple[RefreshedSet, ...]
    encoded: int
    """Volumes that got vectors in this run."""
    lacking: tuple[Lacking, ...]
    aliases: dict[str, str]
    """Alias to the name of the set that it stands for now."""
    waiting: tuple[str, ...]
    """Aliases that stay where they were, as items are lacking."""
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether the new sets hold every item of the old ones."""
        return not self.interrupted and not any(one.lacking for one in self.sets)


@final
@dataclass(frozen=True)
class How:
    """How voxels are read and encoded, as `embed` takes it."""

    reference: Path | None = None
    accept_hu: bool = False
    workers: int = 1
    batch: int | None = None


def encoder_of_sets(bank: Bank, name: str) -> EncoderSpec:
    """The encoder of a bank's feature sets that a name, or the beginning of a digest, means.

    Raises:
        UnknownNameError: there is none.
        UsageError: several fit.
    """
    specs = {one.key.encoder.digest: one.key.encoder for one in bank.feature_sets if not one.declared}
    found = [spec for spec in specs.values() if is_named(name, spec.name)]
    found = found or [spec for digest, spec in specs.items() if len(name) >= 6 and digest.startswith(name)]
    if not found:
        raise UnknownNameError("encoder of a feature set", name, {spec.name for spec in specs.values()})
    if len(found) > 1:
        listed = ", ".join(f"{spec.name} ({spec.digest[:8]})" for spec in found)
        raise UsageError(f"{name!r} may be any of {listed}; name one by its digest")
    return found[0]


def refresh(
    bank: Bank,
    old: EncoderSpec,
    new: Encoder,
    *,
    aliases: Sequence[str] = (),
    allow_missing: bool = False,
    how: How | None = None,
    progress: Progress | None = None,
) -> Refreshed:
    """Embed with `new` everything that `old` has embedded, then let aliases stand for the new sets.

    What the new sets hold already is not made again, so that an interrupted refresh is gone on with by the same call.

    Args:
        bank: The bank.
        old: The encoder of feature sets of the bank.
        new: Another, such as one that was adapted from it.
        aliases: Names that stand for a set of `old`, or for none yet, and are to stand for that of `new`.
        allow_missing: Move them also where items are lacking.
        how: How voxels are read.
        progress: Told of stages and steps.

    Raises:
        UsageError: the two are one encoder, `old` has no sets, or an alias cannot stand for one of `new`.
        EncoderError: the new encoder cannot take what the old one took.
    """
    progress, how = progress or Silent(), how or How()
    pairs = _pairs(bank, old, new.spec)
    targets = alias_targets(bank, aliases, pairs, new)
    parts = parts_of(bank, new, pairs)
    if any(pair.old.key.kind in _TEXTS for pair in pairs) and "text" not in new.offers:
        raise EncoderError(f"encoder {new.spec.name!r} has no text side, and {old.name} has vectors of texts: it cannot take its place")
    encoded, interrupted = 0, False
    for part in parts:
        done, interrupted = _embedded(bank, new, part, how, progress)
        encoded += done
        if interrupted:
            break
    if not interrupted:
        _texts(bank, new, pairs, progress)
    moved: dict[str, str] = {}
    for commit in bank.commits(f"refresh: {old.name} to {new.spec.name}"):
        with commit:
            bank.refresh()
            pairs = _pairs(bank, old, new.spec)  # more may have been embedded by the old one meanwhile
            complete = not interrupted and not any(len(lacking_items(bank, pair)) for pair in pairs)
            moved = {}
            if targets and not interrupted and (complete or allow_missing):
                there = {one.digest: one.name for one in bank.feature_sets}
                moved = {alias: there[digest] for alias, digest in targets.items() if digest in there}
                fresh = {alias: digest for alias, digest in targets.items() if digest in there and bank.aliases.get(alias) != digest}
                commit.append("aliases", [{"alias": alias, "digest": digest} for alias, digest in fresh.items()])
    bank.refresh()
    sets = tuple(
        RefreshedSet(pair.old.name, pair.new.name, pair.new.digest, len(pair.items), len(lacking_items(bank, pair))) for pair in pairs
    )
    waiting = tuple(alias for alias in targets if alias not in moved)
    return Refreshed(old.name, new.spec.name, sets, encoded, _lacking(bank, pairs), moved, waiting, interrupted)


def alias_targets(bank: Bank, aliases: Sequence[str], pairs: Sequence[Pair], new: Encoder) -> dict[str, str]:
    """For each alias the digest of the set that it is to stand for: that beside the one it stands for now; of an alias that is new, the
    set of scans.

    Raises:
        UsageError: it stands for a set of neither encoder, cannot be an alias, or it cannot be told which set is meant.
    """
    found: dict[str, str] = {}
    for alias in aliases:
        check_name("alias", alias)
        if any(one.name == alias or one.digest.startswith(alias) for one in bank.feature_sets):
            raise UsageError(f"alias {alias!r}: a feature set is called so; choose another name")
        now = bank.aliases.get(alias)
        if now is None:
            found[alias] = _main(alias, pairs, new)
            continue
        beside = next((pair.new.digest for pair in pairs if now in (pair.old.digest, pair.new.digest)), None)
        if beside is None:
            of = next((one.name for one in bank.feature_sets if one.digest == now), now)
            old = pairs[0].old.key.encoder.name
            raise UsageError(f"alias {alias!r} stands for {of}, which is not of {old}; `scanbank alias` moves it to any set")
        found[alias] = beside
    return found


def _main(alias: str, pairs: Sequence[Pair], new: Encoder) -> str:
    scans = [pair for pair in pairs if pair.old.key.kind in ("volume", "slice")] or [pair for pair in pairs if pair.old.key.kind == "depth"]
    own = [pair for pair in scans if pair.new.view == new.view]
    if len(scans) != 1 and len(own) != 1:
        names = ", ".join(pair.old.name for pair in scans) or "none of scans"
        raise UsageError(
            f"alias {alias!r} is new, and could stand for several sets ({names}); say which: `scanbank alias BANK {alias} FEATURES`, "
            "then refresh"
        )
    return (scans if len(scans) == 1 else own)[0].new.digest


def _pairs(bank: Bank, old: EncoderSpec, new: EncoderSpec) -> list[Pair]:
    if old.digest == new.digest:
        raise UsageError(f"encoder {old.name!r} is refreshed by itself; name another with --to")
    pairs = pairs_of(bank, old, new)
    if not pairs:
        known = sorted({one.key.encoder.name for one in bank.feature_sets})
        raise UsageError(f"{bank.name} has no vectors by {old.name}; there are some by {', '.join(known) or 'no encoder'}")
    return pairs


def _embedded(bank: Bank, new: Encoder, part: Part, how: How, progress: Progress) -> tuple[int, bool]:
    """How many volumes got vectors, and whether that was interrupted."""
    try:
        report = embed(
            bank,
            new,
            part.views,
            outputs=part.outputs,
            volumes=part.volumes,
            accept_hu=how.accept_hu,
            reference=how.reference,
            workers=how.workers,
            batch=how.batch,
            progress=progress,
        )
    except MapMissingError:  # none of the files is known here: all of them are lacking, and are listed
        return 0, False
    return report.volumes, report.interrupted


def _texts(bank: Bank, new: Encoder, pairs: Sequence[Pair], progress: Progress) -> None:
    kinds = {pair.old.key.kind for pair in pairs}
    if "text" in kinds:
        embed_texts(bank, new, progress=progress)
    if "prompt" in kinds:
        refresh_prompts(bank, new, next(pair for pair in pairs if pair.old.key.kind == "prompt"))


def _lacking(bank: Bank, pairs: Sequence[Pair]) -> tuple[Lacking, ...]:
    """Scans that lack vectors, with what is known of why."""
    of: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.old.key.kind not in _TEXTS and len(items := lacking_items(bank, pair)):
            for volume in volumes_of(bank, items):
                of.setdefault(volume, []).append(pair)
    failed: dict[str, dict[str, Any]] = {row["volume"]: row for row in failed_items(bank) if row["volume"]} if of else {}
    found = []
    for volume, lacking in sorted(of.items()):
        row = failed.get(volume)
        path = (row or {}).get("path") or ""
        reason = row["reason"] if row else "its files are not known on this machine"
        found.append(Lacking(volume, tuple(pair.old.name for pair in lacking), reason, path))
    return tuple(found)
