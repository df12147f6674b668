"""Keeping an adapted encoder in a bank: its artifact, its card and its parent's spec, in a commit that others add to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...store.commit import Commit
from ...store.errors import UsageError
from ...store.specs import EncoderSpec
from .artifact import Artifact
from .opening import kept_encoders

if TYPE_CHECKING:
    from ...store.bank import Bank


def keep_artifact(bank: Bank, commit: Commit, artifact: Artifact) -> EncoderSpec:
    """Add an adapted encoder to what a commit makes, and return its spec. `bank` sees what the commit builds on.

    One that the bank has already stays as it is. The card loses the path by which the parent was opened.

    Raises:
        UsageError: another encoder of the bank has the name.
    """
    artifact = artifact.for_bank()
    spec = artifact.spec
    check_free(bank, artifact)
    known = {row["encoder"]: row["adapter"] for row in bank.snapshot.latest("encoders", "adapter")}
    commit.add_artifact(artifact.sha256, artifact.files)
    if spec.digest not in known:
        now = datetime.now(UTC)
        rows = [_row(artifact.card.parent, None, now)] if artifact.card.parent.digest not in known else []
        commit.append("encoders", [*rows, _row(spec, artifact.card_text, now)])
    return spec


def check_free(bank: Bank, artifact: Artifact) -> None:
    """Raises UsageError where another encoder of the bank has the name of an adapted one: in good time, before it is trained."""
    same = [one for one in kept_encoders(bank) if one.spec.adapter == artifact.sha256 and one.spec.digest != artifact.spec.digest]
    if same:
        raise UsageError(f"{bank.name} keeps these very weights as {same[0].name!r}; use that name instead of {artifact.card.encoder!r}")
    taken = [one for one in kept_encoders(bank) if one.name == artifact.card.encoder and one.spec.digest != artifact.spec.digest]
    if taken:
        raise UsageError(
            f"{bank.name} keeps another encoder {artifact.card.encoder!r} (digest {taken[0].spec.digest[:8]}); choose another --name, "
            f"such as {free_name(bank, artifact.card.name)}"
        )


def free_name(bank: Bank, wanted: str) -> str:
    """`wanted`, or with a number after it where the bank has an adapted encoder of that name."""
    taken = {one.name.partition(":")[2] for one in kept_encoders(bank)}
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _row(spec: EncoderSpec, card: str | None, kept: datetime) -> dict[str, Any]:
    return {
        "encoder": spec.digest,
        "name": spec.name,
        "parent": spec.parent or None,
        "adapter": spec.adapter or None,
        "spec": json.dumps(spec.to_dict()),
        "card": card,
        "kept": kept,
    }
