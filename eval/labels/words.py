"""A sentence as the rules read it: words in lower case, one space apart."""

from __future__ import annotations

import re
import unicodedata

MOST_LETTERS = 40
"""Of a word that is read; what is longer is no word of any language, and would make patterns slow."""
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?|[;:,()?<>%]|[\"“”„•·●\n|]")
_CLAUSES: dict[str, str] = dict.fromkeys('"“”„•·●\n|', ";")
_TYPED = str.maketrans({"’": "'", "‘": "'", "×": "x", "µ": "u"})


def read_words(sentence: str) -> str:
    """Words, numbers and the marks ; : , ( ) ? < > % of a sentence, each between single spaces; hyphens and slashes part words.

    Bullets and quotation marks, which part statements where reports are typed without full stops, become semicolons. A number keeps
    its decimals and is parted from its unit: "16x10mm" is read as `16 x 10 mm`. A full stop ends what is read, and stands nowhere else.
    """
    text = sentence if sentence.isascii() else unicodedata.normalize("NFC", sentence).translate(_TYPED)
    found: list[str] = _TOKEN.findall(text.lower())
    words: list[str] = [_CLAUSES.get(token, token) if len(token) <= MOST_LETTERS else "~" for token in found]
    return f" {' '.join(words)} . "
