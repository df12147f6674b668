"""Aliases: names that stand for a feature set and may be moved to another. A snapshot has them as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UsageError
from .tags import check_name

if TYPE_CHECKING:
    from .bank import Bank


def set_alias(bank: Bank, name: str, features: str) -> None:
    """Let `name` stand for the set `features`, in one commit. Raises UsageError."""
    check_name("alias", name)
    for commit in bank.commits(f"alias {name}"):
        with commit:
            bank.refresh()
            one = bank.features(features)
            if any(s.name == name or s.digest.startswith(name) for s in bank.feature_sets):
                raise UsageError(f"alias {name!r}: a feature set is called so; choose another name")
            if bank.aliases.get(name) != one.digest:
                commit.append("aliases", [{"alias": name, "digest": one.digest}])
    bank.refresh()
