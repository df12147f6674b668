"""The language of a piece of report text, by common words: English, German, another one, or unknown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Language = Literal["en", "de", "other", "unknown"]

_ENGLISH = """
    the of and is are was were with without no not there in on at to for from by be been has have had this that these which seen noted
    within both left right upper lower lobe lung lungs normal size unchanged stable evidence findings impression acute chest heart bone
    pleural effusion effusions nodule nodules mild small large mass disease patient prior image series enlarged clear bilateral or
    shows demonstrates consistent appearance measures measuring limits contour hemorrhage fracture there's interval increased decreased
"""
_GERMAN = """
    der die das den dem des und ist sind war waren mit ohne kein keine keinen keiner keines nicht im am vom zum zur auf bei für von ein
    eine einer eines einem einen als auch sich wird wurde nach über unter zeigt links rechts beidseits bds rechten linken beider unauffällig
    regelrecht nachweis hinweis lunge lungen herz pleuraerguss ergüsse erguss rundherd rundherde befund beurteilung unverändert größe
    vergrößert oberlappen unterlappen mittellappen normal weit schmal blutung fraktur herd verdacht bekannt keinerlei sowie oder bis
"""
_OTHERS = """
    le la les des du et est sont avec sans pas dans une un aux sur pour pulmonaire absence épanchement gauche droit droite
    el los las del y es son con sin en una por para pulmonar derecho izquierdo derrame hallazgos normalidad
    il lo gli di e sono non nel della dei polmonare versamento destro sinistro
    não sem com uma dos das pelo direito esquerdo derrame pulmão
    het een van en niet met geen zijn wordt voor links rechts long longen
    ve bir bu ile olarak izlenmedi izlendi saptanmadı akciğer sağ sol her iki normaldir mevcuttur
    nie jest są bez oraz płuc prawego lewego och att inte är utan på av med
"""
ENGLISH, GERMAN, OTHERS = (frozenset(words.split()) for words in (_ENGLISH, _GERMAN, _OTHERS))

_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile(r"[\u0370-\u1dff\u2c00-\ud7ff]")
_GERMAN_ENDS = ("ung", "ungen", "keit", "lich", "isch", "ß", "ße", "ßer", "ßen")
_LONGEST = 1_500
"""Characters looked at: more tell no more."""


def language_of(text: str, likely: Language = "unknown") -> Language:
    """The language of a text. `unknown` where too little speaks for one: "Cardiomegaly." is of several.

    Text mostly in another script is `other`; so is text whose words are mostly of another language that is known by its small words.

    Args:
        text: a sentence, a section or a report.
        likely: the language of what it is a part of, taken where nothing speaks against it.
    """
    words = [word.lower() for word in _WORD.findall(text[:_LONGEST])]
    if not words:
        return "unknown"
    if likely in ("en", "de") and text.isascii() and _speaks_for(likely, words):
        return likely
    if not text.isascii() and sum(bool(_FOREIGN.search(word)) for word in words) * 2 > len(words):
        return "other"
    english, german, other = (sum(map(known.__contains__, words)) for known in (ENGLISH, GERMAN, OTHERS))
    german += sum(word.endswith(_GERMAN_ENDS) and word not in GERMAN for word in words)
    best = max(english, german, other)
    # a draw, or hardly any word is known
    if best == 0 or sorted((english, german, other))[-2] == best or best * 12 < len(words):
        return likely
    return "en" if best == english else "de" if best == german else "other"


def _speaks_for(likely: Language, words: Sequence[str]) -> bool:
    """Whether words of this language are there, and none of others: the quick answer for most sentences."""
    own, another = (ENGLISH, GERMAN) if likely == "en" else (GERMAN, ENGLISH)
    return not own.isdisjoint(words) and another.isdisjoint(words) and OTHERS.isdisjoint(words)
