"""Keeping what adaptation made, with what it was trained on, in one commit; and embedding with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..embed.adapt.artifact import Artifact
from ..embed.adapt.keeping import keep_artifact
from ..embed.encoder import Encoder
from ..embed.pipeline import EmbedReport, embed
from ..embed.texts import embed_texts
from ..store.progress import Progress
from ..store.specs import EncoderSpec, ViewSpec
from .trained_items import declare_trained_items

if TYPE_CHECKING:
    from ..store.bank import Bank


def keep_child(bank: Bank, artifact: Artifact, items: Iterable[str], level: str = "volume") -> EncoderSpec:
    """Keep an adapted encoder in a bank, and that it was trained on items of it; returns its spec.

    From then on `adapted:NAME` opens it, and evaluations on what it saw are refused.

    Args:
        bank: The bank.
        artifact: The child.
        items: Ids of all that it learned from, and of what chose when to stop.
        level: What they are: volume, slice, study or patient.

    Raises:
        UsageError: another encoder of the bank has the name.
    """
    seen, spec = sorted(set(items)), artifact.spec
    for commit in bank.commits(f"adapt: {artifact.card.encoder}", encoder=spec.digest):
        with commit:
            bank.refresh()
            spec = keep_artifact(bank, commit, artifact)
            declare_trained_items(commit, spec, seen, level)
    bank.refresh()
    return spec


def embed_child(bank: Bank, child: Encoder, view: ViewSpec, workers: int, progress: Progress) -> tuple[EmbedReport, int]:
    """Embed a bank's scans, and its reports where the child takes texts; the number of texts that got vectors comes with the report.

    Raises:
        KeyboardInterrupt: on Ctrl-C; what was done is kept.
    """
    report = embed(bank, child, [view], workers=workers, progress=progress)
    if report.interrupted:
        raise KeyboardInterrupt
    if "text" in child.offers and bank.sql("SELECT 1 FROM latest_snippets WHERE snippet IS NOT NULL LIMIT 1").num_rows:
        return report, embed_texts(bank, child, progress=progress).snippets
    return report, 0
