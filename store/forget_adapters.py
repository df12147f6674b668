"""Adapters that learned from a patient: which they are, and taking them out of a bank."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from .artifacts import listed
from .commit import Commit
from .history import History

if TYPE_CHECKING:
    from .patient import Belongings
    from .snapshot import Snapshot


def encoders_trained_on(history: History, ids: Collection[str]) -> frozenset[str]:
    """Digests of encoders that any snapshot says were trained on one of these items, and of all that were adapted from them."""
    found = {row["encoder"] for row in history.rows("trained_items", ("encoder", "item"), item=ids)}
    parents = {(row["encoder"], row["parent"]) for row in history.rows("encoders", ("encoder", "parent"))}
    while more := {encoder for encoder, parent in parents if parent in found} - found:
        found |= more
    return frozenset(found)


def adapters_of(snapshot: Snapshot, encoders: Collection[str]) -> list[str]:
    """Names of those of these encoders whose adapters a snapshot keeps."""
    there = {file.artifact for file in listed(snapshot.root)}
    rows = snapshot.latest("encoders", "name", "adapter")
    return sorted(row["name"] for row in rows if row["encoder"] in encoders and row["adapter"] in there)


def drop_adapters(commit: Commit, snapshot: Snapshot, who: Belongings) -> None:
    """Take the artifacts out of what `commit` makes that no encoder needs when those of the patient are gone."""
    needed = {row["adapter"] for row in snapshot.latest("encoders", "adapter", "card") if not who.has_adapter(row["encoder"], row["card"])}
    commit.drop_artifacts({file.artifact for file in listed(commit.root)} - needed)
