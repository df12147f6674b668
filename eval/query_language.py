"""Whether an encoder's text side speaks a query's language: a rule of thumb, for a note."""

from __future__ import annotations

import re

from ..store.language import language_of

_ENGLISH_KINDS = ("tiny", "ctclip", "open_clip", "siglip")
_MULTILINGUAL = re.compile(r"xlm|nllb|multilingual|i18n|siglip2|siglip-2|mclip|m-clip|mt5|labse|gemma|jina|worldwide|altclip")


def language_note(query: str, encoder: str) -> str:
    """What to know where a query seems not to be in English, and the encoder of that name was made for English alone; else empty.

    A single word is often of no language that can be told.
    """
    language = language_of(query)
    if language in ("unknown", "en") or not speaks_english_alone(encoder):
        return ""
    what = "in German" if language == "de" else "in another language than English"
    return f"the query seems to be {what}, and {encoder} was made for English: what it finds may be worth little"


def speaks_english_alone(encoder: str) -> bool:
    """Whether an encoder's name, as a bank has it, is of a kind whose text sides read English, but for those known to read many languages.

    Of others, such as a plug-in's, nothing is known.
    """
    scheme = encoder.partition(":")[0].partition("@")[0].partition("+")[0]
    return scheme in _ENGLISH_KINDS and not _MULTILINGUAL.search(encoder.lower())
