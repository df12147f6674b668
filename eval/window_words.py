"""The HU window that shows what a text is about: a rule of thumb, by the words that radiologists window by."""

from __future__ import annotations

import re

from ..store.specs import ViewSpec
from ..store.windows import PRESETS, Window

# The beginnings of words. Where windows contend, the word that comes first in the text decides.
_WORDS: dict[str, str] = {
    "lung": "lung|pulmon|nodul|consolidat|ground|opacit|emphysem|pneumothora|pneumoni|bronch|atelecta|fibro|airway|trache|cavit|bulla",
    "mediastinum": "mediastin|effusion|pleura|cardi|heart|pericard|aort|coronar|lymph|hilar|hilum|hernia|oesoph|esoph|thyroid|device"
    "|pacemaker|catheter|port|liver|kidney|adrenal|spleen",
    "subdural": "subdural|epidural|extradural|extra-axial",
    "brain": "brain|cerebr|hemorrh|haemorrh|bleed|hematoma|haematoma|intraparenchym|intracran|subarachn|intraventric|ventric|infarct|isch"
    "|stroke|midline|edema|oedema|hydroceph|mass effect",
    "bone": "bone|bony|osse|fractur|skull|vertebr|rib|lytic|sclero|sternal",
}
_FIRST = re.compile("|".join(rf"(?P<{name}>\b(?:{words}))" for name, words in _WORDS.items()), re.IGNORECASE)
_WIDE = Window(-900, 900)
"""A window that takes in more than this, from air to bone, shows nothing well."""
_OTHERWISE = "mediastinum"


def window_of(text: str) -> str:
    """The preset by the first telling word, such as mediastinum for "left pleural effusion"; empty where no word tells."""
    match = _FIRST.search(text.replace("_", " "))
    return match.lastgroup or "" if match else ""


def picture_window(text: str, view: ViewSpec) -> Window:
    """The window to show a hit in: by the text; else the view's first one; of a view from air to bone, mediastinum."""
    if name := window_of(text):
        return PRESETS[name]
    first = view.windows[0] if view.windows else _WIDE
    return PRESETS[_OTHERWISE] if first.lo <= _WIDE.lo and first.hi >= _WIDE.hi else first
