"""Keeping what adaptation made, with what it was trained on, in one commit; and embedding with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, final

from ..embed.adapt.artifact import Artifact
from ..embed.adapt.keeping import keep_artifact
from ..embed.adapt.opening import kept_encoders
from ..embed.encoder import Encoder
from ..embed.pipeline import EmbedReport, embed
from ..embed.texts import embed_texts
from ..store.erasure import tokens
from ..store.errors import UsageError
from ..store.progress import Progress
from ..store.specs import EncoderSpec, ViewSpec
from .quoting import quoted
from .trained_items import declare_trained_items

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
class ForgottenError(UsageError):
    """Weights learned from a patient who was forgotten before they were kept."""

    def __init__(self, name: str, items: Iterable[str] = ()) -> None:
        super().__init__(
            f"a patient was forgotten meanwhile whom {name} was to learn from: it is not kept; run the same command again, "
            "and it learns from the others"
        )
        self.items = tuple(items)
        """Ids of those that are gone, where they are known."""


def keep_child(
    bank: Bank, artifact: Artifact, items: Iterable[str], level: str = "volume", *, forgot: tuple[str, ...] | None = None
) -> EncoderSpec:
    """Keep an adapted encoder in a bank, and that it was trained on items of it; returns its spec.

    From then on `adapted:NAME` opens it, and evaluations on what it saw are refused.

    Args:
        bank: The bank.
        artifact: The child.
        items: Ids of all that it learned from, and of what chose when to stop.
        level: What they are: volume, slice, study or patient.
        forgot: What the bank had forgotten (`store.erasure.tokens`) when the items were looked up, volumes or slices then; None looks at
            nothing.

    Raises:
        ForgottenError: one of the items, or what it was adapted from, was forgotten since.
        UsageError: another encoder of the bank has the name.
    """
    seen, spec = sorted(set(items)), artifact.spec
    for commit in bank.commits(f"adapt: {artifact.card.encoder}", encoder=spec.digest):
        with commit:
            bank.refresh()
            if forgot is not None and tokens(commit.root) != forgot:
                _check_kept(bank, artifact, seen)
            spec = keep_artifact(bank, commit, artifact)
            rows = bank.sql(f"SELECT item FROM trained_items WHERE encoder = {quoted(spec.digest)} AND level = {quoted(level)}")
            held = set(rows.column("item").to_pylist())  # by another process that made the same, and was first
            declare_trained_items(commit, spec, (item for item in seen if item not in held), level)
    bank.refresh()
    return spec


def gone_items(bank: Bank, items: Iterable[str]) -> list[str]:
    """Those of these volumes and slices that the bank knows no more."""
    rows = bank.sql("SELECT volume AS item FROM volumes UNION ALL SELECT slice FROM slices").column("item").to_pylist()
    return sorted(set(items) - set(rows))


def _check_kept(bank: Bank, artifact: Artifact, seen: list[str]) -> None:
    gone, parent = gone_items(bank, seen), artifact.card.parent
    if gone or (parent.adapter and parent.digest not in {one.spec.digest for one in kept_encoders(bank)}):
        raise ForgottenError(artifact.card.encoder, gone)


def embed_child(
    bank: Bank, child: Encoder, view: ViewSpec, workers: int, progress: Progress, *, accept_hu: bool = False
) -> tuple[EmbedReport, int]:
    """Embed a bank's scans, and its reports where the child takes texts; the number of texts that got vectors comes with the report.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    report = embed(bank, child, [view], accept_hu=accept_hu, workers=workers, progress=progress)
    if report.interrupted:  # what it has is committed; nothing that comes after may begin
        raise KeyboardInterrupt
    if "text" in child.offers and bank.sql("SELECT 1 FROM latest_snippets WHERE snippet IS NOT NULL LIMIT 1").num_rows:
        return report, embed_texts(bank, child, progress=progress).snippets
    return report, 0
