"""Whether an encoder's text side speaks a query's language: a rule of thumb, for a note."""

from __future__ import annotations

import re
import unicodedata

_ENGLISH_KINDS = ("tiny", "ctclip", "open_clip", "siglip")
_MULTILINGUAL = re.compile(r"xlm|nllb|multilingual|i18n|siglip2|siglip-2|mclip|m-clip|mt5|labse|gemma|jina|worldwide|altclip")
_GERMAN_WORDS = """
    der die das den dem des und oder mit ohne kein keine keiner keinen ist sind im am beim vom zum zur auf bei nach nicht ein eine einer
    eines einem einen links rechts linke linker linken rechte rechter rechten beidseits beidseitig lunge lungen herz rundherd rundherde
    erguss pleuraerguss hirnblutung blutung bruch fraktur knoten vergrößert verdacht zustand raumforderung
"""
_OTHER_WORDS = """
    le la les des du et avec sans dans un une aux sur pulmonaire épanchement gauche droit droite el los las del y con sin una pulmonar
    derecho izquierdo derrame il lo gli nel della polmonare versamento não sem com uma pulmão het een van met geen nie jest och inte
"""
_ENGLISH_WORDS = """
    the of and with without no not in on at to for from is are lung lungs left right effusion nodule heart fracture large small hemorrhage
    mass bleeding lobe upper lower enlarged patient chest brain
"""
_GERMAN, _OTHERS, _ENGLISH = (frozenset(words.split()) for words in (_GERMAN_WORDS, _OTHER_WORDS, _ENGLISH_WORDS))
_WORD = re.compile(r"[^\W\d_]+")


def language_note(query: str, encoder: str) -> str:
    """What to know where a query seems not to be in English, and the encoder of that name was made for English alone; else empty.

    Told by script, by German letters and by common small words; a single word of Latin script is often of no language that can be told.
    """
    foreign = _language(query)
    if foreign in ("", "en") or not speaks_english_alone(encoder):
        return ""
    what = {"de": "in German", "script": "in another script"}.get(foreign, "in another language than English")
    return f"the query seems to be {what}, and {encoder} was made for English: what it finds may be worth little"


def speaks_english_alone(encoder: str) -> bool:
    """Whether an encoder's name, as a bank has it, is of a kind whose text sides read English, but for those known to read many languages.

    Of others, such as a plug-in's, nothing is known.
    """
    scheme = encoder.partition(":")[0].partition("@")[0].partition("+")[0]
    return scheme in _ENGLISH_KINDS and not _MULTILINGUAL.search(encoder.lower())


def _language(text: str) -> str:
    """`en`, `de`, `other`, `script` (not Latin); empty where nothing tells."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not unicodedata.name(letter, "").startswith("LATIN") and letter != "µ" for letter in letters)
    if letters and foreign * 2 > len(letters):
        return "script"
    words = [word.lower() for word in _WORD.findall(text)]
    german = sum(word in _GERMAN or bool(set("äöüß") & set(word)) for word in words)
    other = sum(word in _OTHERS for word in words)
    english = sum(word in _ENGLISH for word in words)
    if german > max(english, other):
        return "de"
    return "other" if other > max(english, german) else "en" if english else ""
