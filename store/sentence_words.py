"""Words of radiology reports that hold a full stop which ends no sentence, in English and German, and what a sentence goes on with."""

from __future__ import annotations

import re

_NEVER = """
    dr prof mr mrs ms st pat approx appr e.g i.e eg ie vs cf viz incl excl esp resp z.b zb d.h dh u.a i.d.r s.o s.u i.s i.s.e z.t zt
    z.n zn v.a va i.r u.u m.e a.e bzw bzgl ca circa ggf ggfs evtl evt eventl inkl einschl insb insbes sog vgl gem mind max min zw zwisch
    ehem vermutl wahrsch diff vd v.d dd abb tab fig figs
"""
_BEFORE_NUMBER = "no nos nr se ser im img ima sl sec sect bl abb vol seg segm st stad th bwk lwk hwk bild lev lvl p pp s"
_BEFORE_SMALL = """
    mm cm ml cc hu he mmhg min max med lat sup inf ant post prox dist art vv aa nn re li rt lt bds beids etc usw usf osf o.b ob bilat path
    pathol parench mediast pulm vent dors kran kaud caud zentr periph segm lig proc gr gering unauff regelr postop präop praeop intraop
    rad radiol klin neurol degen arter ven thorak abd
"""
_GERMAN_BEFORE = """
    der die das den dem des im am vom zum zur beim bis ab und oder sowie einer eines einem einen rechte rechten linke linken
"""

NEVER = frozenset(_NEVER.split())
"""Abbreviations that no sentence ends with."""
BEFORE_NUMBER = frozenset(_BEFORE_NUMBER.split())
"""What a number follows ("Se. 3"), and then no sentence ends there; "Effusion: no. Next" ends one."""
BEFORE_SMALL = frozenset(_BEFORE_SMALL.split())
"""What a small letter follows within a sentence ("3 mm. in size"); before a capital it may well end one."""
SPELLED = ("z.b", "d.h", "u.a", "s.o", "s.u", "i.s", "z.t", "z.n", "v.a", "i.r", "m.e")
"""Of the first, those that are also written with a blank within: "z. B."."""
SERIES = frozenset(("series", "serial", "serie", "ser", "se"))
"""What "2. Image 45" goes on from."""
GERMAN_BEFORE = frozenset(_GERMAN_BEFORE.split())
"""What stands before a German ordinal: "der 5. Rippe", "am 3. Tag"."""
GERMAN_AFTER = re.compile(
    r"(?:Rippen?|Ventrikels?|ICR|BWK|LWK|HWK|Segment\w{0,2}|Tag\w{0,2}|Grad\w{0,2}|Finger\w?|Strahl\w{0,2}|Mittel\w{1,20}|Lebens\w{1,20}"
    r"|Zehe\w?|Quartal|Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b"
)
"""What stands behind one, even where the word before tells nothing: "Fraktur 5. Rippe"."""
JOINING = re.compile(r"(?:[,–/(-]|\b(?:and|or|of|the|with|in|at|to|a|an|und|oder|mit|der|die|das|des|dem|den|im|am|von))$")
"""The end of a line in lower case whose sentence goes on in the next."""
