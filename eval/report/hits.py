"""Pictures of what searches find."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...embed.encoder import Encoder
from ...store.errors import ScanbankError
from ...store.progress import Progress
from ..contact import contact_sheet
from ..search import SearchResult, search
from ..search_sets import searchable
from .images import data_uri
from .studies import FoundStudy

if TYPE_CHECKING:
    from ...store.bank import Bank

QUERIES = 3
"""Searched where none is asked for: the bank's findings with results, or else those most often present."""
HITS = 5
_PATH = re.compile(r"""(?:^|(?<=[\s('"`]))(?:~|[A-Za-z]:)?[/\\].*?(?=;|\.\s|$)""", re.DOTALL)
"""An absolute path, and what follows it up to the end of the sentence: a folder's name may hold blanks."""


def found_hits(
    bank: Bank, queries: Sequence[str] | None, studies: Sequence[FoundStudy], opened_by: Callable[[str], Encoder], progress: Progress
) -> tuple[list[dict[str, str]], str]:
    """Pictures of what searches find; and why there are none, where none were asked for by name."""
    asked = queries is not None
    if queries is None:
        present = bank.sql(
            "SELECT finding FROM labels WHERE status = 'present' GROUP BY finding ORDER BY count(*) DESC, finding"
        ).to_pylist()
        names = dict.fromkeys([*(s.finding for s in studies), *(row["finding"] for row in present)])
        queries = [name.replace("_", " ") for name in names][:QUERIES]
    queries = list(dict.fromkeys(queries))
    found = []
    for query in queries:
        try:
            features, encoder = searchable(bank, query, opened_by=opened_by)
            result = search(bank, encoder, features, query, k=HITS)
        except ScanbankError as error:
            if asked:
                raise
            return [], without_paths(str(error).replace(bank.name, "BANK"))
        sheet = contact_sheet(bank, result, features.key.view, progress=progress)
        found.append({"query": query, "image": data_uri(sheet), "caption": _caption(result)})
    return found, ""


def without_paths(text: str) -> str:
    """A message without the paths in it: the page is sent to others, and they tell of accounts, folders and names."""
    return _PATH.sub("…", text)


def _caption(result: SearchResult) -> str:
    return (
        f"The best slice of each of the {len(result.hits)} best studies of {result.studies}, by cosine similarity in {result.features}; "
        "the number is the score of the whole scan."
    )
