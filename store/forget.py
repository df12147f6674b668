"""Forgetting patients: one commit without them, then everything that older snapshots held of them is removed."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .commit import Commit
from .erasure import Finished, Pending, add_token, drop_pending, finish, tokens, write_pending
from .errors import UsageError
from .forget_adapters import adapters_of, drop_adapters
from .forget_rows import holds, known_ordinals, rewrite_dense, rewrite_sets, rewrite_tables, without
from .history import History
from .patient import Belongings, belongings, names_of
from .progress import Progress, Silent
from .schema import TABLES

if TYPE_CHECKING:
    from .bank import Bank

_TICK_S = 1.1
"""Object stores tell the time of an object in whole seconds."""


@dataclass(frozen=True)
class ForgetReport:
    """What was erased, or would be."""

    volumes: int = 0
    studies: int = 0
    slices: int = 0
    snippets: int = 0
    rows: dict[str, int] = field(default_factory=dict[str, int])
    """Table to rows, the superseded ones too."""
    vectors: dict[str, int] = field(default_factory=dict[str, int])
    """Feature set to vectors."""
    beside: int = 0
    """Volumes that a table gave to the same patient or group, but whose own headers name another patient: they stay."""
    adapters: tuple[str, ...] = ()
    """Adapted encoders whose adapters go: trained on the patient, or adapted from one that was. Their vectors of others stay."""
    adapters_kept: tuple[str, ...] = ()
    """Those that stay all the same, as that was asked for."""
    tags: tuple[str, ...] = ()
    """Tags that go, as their snapshots hold the patient."""
    snapshots: int = 0
    """Snapshots that go: all of the history but the newest, and those of these tags."""
    files: int = 0
    """Files removed afterwards."""
    resumed: bool = False
    """Whether an erasure that was interrupted before was finished first."""


def preview(bank: Bank, patients: Iterable[str] = (), pseudonyms: Iterable[str] = (), *, keep_adapters: bool = False) -> ForgetReport:
    """What `forget` would erase. Nothing is changed.

    Raises:
        UsageError: the bank knows one of them not.
        KeyMissingError: original ids need the bank's key.
    """
    names = names_of(bank, patients, pseudonyms)
    history = History(bank)
    who = belongings(bank, history, names, keep_adapters=keep_adapters)
    rows: Counter[str] = Counter()
    for table in TABLES:
        for file in bank.snapshot.files(table):
            rows[table] += without(table, history.read(table, file.name), who)[1]
    vectors = {one.name: int(np.isin(one.items(), who.ordinals).sum()) for one in bank.feature_sets}
    tags = {tag: snapshot for tag, snapshot in bank.tags.items() if holds(history, snapshot, who)}
    gone = set(history.snapshots) - (set(bank.tags.values()) - set(tags.values()))
    counted = _counted(bank, who, {t: n for t, n in rows.items() if n}, {name: n for name, n in vectors.items() if n})
    return replace(counted, tags=tuple(tags), snapshots=len(gone))


def forget(
    bank: Bank,
    patients: Iterable[str] = (),
    pseudonyms: Iterable[str] = (),
    *,
    keep_adapters: bool = False,
    progress: Progress | None = None,
) -> ForgetReport:
    """Erase patients, named by original ids or by pseudonyms, from a bank and from all that was ever committed to it.

    First one commit without them, then older snapshots and all that they alone need are removed, with no grace: no other
    reader can go on with an older snapshot. What is interrupted is finished by calling this again.

    Adapters that were trained on a patient go, with those that were adapted from them, unless `keep_adapters` says that they stay: weights
    can hold more of who they were trained on than anybody can tell.

    Raises:
        UsageError: the bank knows one of them not, or was opened `at` a snapshot.
        KeyMissingError: original ids need the bank's key.
        BankDamagedError: a file of the bank is damaged.
    """
    if bank.at is not None:
        raise UsageError(f"the bank was opened at {bank.at}, as it was; open it without `at` to forget a patient")
    patients, pseudonyms = tuple(patients), tuple(pseudonyms)
    progress = progress or Silent()
    progress.start("looking for an erasure that was interrupted")
    before = finish(bank)
    try:
        names_of(bank, patients, pseudonyms)
    except UsageError:
        if before is None or not (patients or pseudonyms):
            raise
        return ForgetReport(tags=before.tags, snapshots=before.snapshots, files=before.files, resumed=True)
    report = _commit(bank, patients, pseudonyms, progress, keep_adapters=keep_adapters)
    progress.start("removing what older snapshots hold")
    after = finish(bank) or Finished()  # another process may have finished it meanwhile
    return replace(report, tags=after.tags, snapshots=after.snapshots, files=after.files, resumed=before is not None)


def _commit(bank: Bank, patients: tuple[str, ...], pseudonyms: tuple[str, ...], progress: Progress, *, keep_adapters: bool) -> ForgetReport:
    token = secrets.token_hex(8)
    report = ForgetReport()
    try:
        for commit in bank.commits("forget"):
            with commit:
                bank.refresh()
                names = names_of(bank, patients, pseudonyms)
                report = _take_out(bank, commit, names, token, progress, keep_adapters=keep_adapters)
    except Exception:
        with suppress(Exception):
            bank.refresh()
            if token not in tokens(bank.snapshot.root):  # the commit was not made: there is nothing to finish
                drop_pending(bank.place, token)
        raise
    return report


def _take_out(bank: Bank, commit: Commit, names: frozenset[str], token: str, progress: Progress, *, keep_adapters: bool) -> ForgetReport:
    """Everything of the patients leaves the snapshot that `commit` makes."""
    progress.start("looking for the patient")
    history = History(bank)
    who = belongings(bank, history, names, keep_adapters=keep_adapters)
    clean = tuple(name for name in set(bank.tags.values()) if name in history.snapshots and not holds(history, name, who))
    if bank.place.folder is None:
        time.sleep(_TICK_S)  # what the patient has in the store is older than the note, by the store's own clock
    write_pending(
        bank.place, Pending(token, clean, tuple(sorted(who.volumes | who.masks)), tuple(sorted(who.paths)), tuple(sorted(who.ids)))
    )
    progress.start("rewriting tables", len(TABLES))
    rows = rewrite_tables(commit, bank.snapshot, history, who)
    drop_adapters(commit, bank.snapshot, who)
    rewrite_dense(commit, history, who)
    progress.start("rewriting feature sets", len(bank.feature_sets))
    vectors = rewrite_sets(commit, bank.feature_sets, known_ordinals(bank.snapshot, who), who)
    add_token(commit.root, token)
    return _counted(bank, who, rows, vectors)


def _counted(bank: Bank, who: Belongings, rows: dict[str, int], vectors: dict[str, int]) -> ForgetReport:
    counts = len(who.volumes), len(who.studies), len(who.slices), len(who.snippets)
    at = bank.snapshot
    gone = {row["encoder"] for row in at.latest("encoders", "card") if who.has_adapter(row["encoder"], row["card"])}
    kept = tuple(adapters_of(at, who.encoders - gone))
    return ForgetReport(*counts, rows, vectors, who.beside, tuple(adapters_of(at, gone)), kept)
