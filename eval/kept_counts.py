"""Counts of words in a bank's reports, kept beside it until its reports change: to count those of 50,000 reports takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..store.digests import spec_digest
from ..store.progress import Progress, Silent
from .bm25_texts import PARTS, VERSION, Bm25, counted
from .report_texts import ASIDE

if TYPE_CHECKING:
    from ..store.bank import Bank

_LONG = 5_000
"""Texts whose counting may take more than a second: then it is told."""


def kept_counts(bank: Bank, of: str, count: int, texts: Callable[[], Sequence[str]], progress: Progress) -> Bm25:
    """The counts that are kept of this snapshot's reports, or new ones, which are kept then.

    A copy is named by the files of the table that it was made from, so that one of other reports is never read; what is damaged is not
    read either. It goes with the copies of vectors when a patient is forgotten (`store/vector_cache.py`).

    Args:
        bank: the bank.
        of: `pieces` or `reports`: two ways to cut the same text.
        count: how many texts there are.
        texts: gives them.
        progress: told of texts where they are counted.
    """
    snapshot = bank.snapshot
    made_from = [file.sha256 for file in snapshot.files("snippets")]
    version = spec_digest({"files": made_from, "counted": VERSION, "aside": list(ASIDE)})
    kept = snapshot.vector_cache.get_parts(f"bm25-{of}", version, PARTS)
    if kept is not None:
        try:
            found = Bm25(kept)
        except ValueError:
            found = None
        if found is not None and len(found) == count:
            return found
    made = counted(texts(), progress if count >= _LONG else Silent())
    snapshot.vector_cache.put_parts(f"bm25-{of}", version, made.parts)
    return made
