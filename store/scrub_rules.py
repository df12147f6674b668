"""What in a report names a person, as data, in the order in which it is looked for.

Patterns are written here because the libraries for it (Presidio, scrubadub) bring language models that must be downloaded.
The kinds follow the list of identifiers of the HIPAA safe-harbor rule (45 CFR 164.514(b)(2)), as far as text rules can tell them;
ages and bare years are kept. Every repetition is bounded, or cannot start twice in one run, so that no text takes more than
linear time. No pattern matches a square bracket or `MASK`, so that none eats a tag or what is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern
from typing import final

from .scrub_needs import Need, both, has, near, said, says, says_near, shows

MASK = "\ue000"
"""Stands for a place that no rule may change: a character of Unicode's private use, which is no letter and no blank."""

_MONTH = (
    r"(?:Jan(?:uary|uar)?|Jänner|Feb(?:ruary|ruar)?|Mar(?:ch)?|März|Maerz|Mrz|Apr(?:il)?|May|Mai|June?|Juni|July?|Juli|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Okt(?:ober)?|Nov(?:ember)?|Dec(?:ember)?|Dez(?:ember)?"
    r"|JAN(?:UARY|UAR)?|FEB(?:RUARY|RUAR)?|MAR(?:CH)?|MÄRZ|APR(?:IL)?|MAY|MAI|JUN[EI]?|JUL[YI]?|AUG(?:UST)?|SEPT?(?:EMBER)?"
    r"|O[CK]T(?:OBER)?|NOV(?:EMBER)?|DE[CZ](?:EMBER)?)(?![^\W\d_])(?:\.(?=,?[ -]?['’]?\d))?"
)
_FULL_MONTH = (
    r"(?:January|Januar|Jänner|February|Februar|March|März|April|May|Mai|June|Juni|July|Juli|August|September|October|Oktober"
    r"|November|December|Dezember)"
)
_SHORT_MONTH = r"(?:(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_TH = r"(?:st|nd|rd|th)?"
_MON = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)\d{2,3}(?!\d)"  # a digit too many is a typing error, seen in real reports
_DAY2, _MON2 = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])"
_HOUR = r"(?:[01]?\d|2[0-3])"
_NO_CLOCK = r"(?![ -]{0,2}(?i:o['’]clock|(?:Uhr[ -]{1,2})?position|Uhr[ -]?lage))"
# Neither end may be amid a longer number; a dash may join two dates. A year of four digits is sure enough to need less.
_START = r"(?<!\d)(?<!\d[./])"
_ALONE = r"(?<![\w.,/:])"
_NO_MORE = r"(?![\w/]|[.,:]\d|[ ]?(?:mm|cm|ml|HU|HE|%|x|months?|weeks?|days|years|Monate?n?|Wochen?|Tagen?|Jahren?)\b)"
_DATED = r"\b(?i:dated|(?:performed|obtained|done|acquired|taken)[ ]on)[ ]"

_UP = r"[A-ZÀ-ÖØ-ÞČĆĞİŁŃŐŚŞŠŰŹŻŽ]"
_PARTICLE = r"(?:(?:von|van|vom|zu|zur|de|del|della|der|den|di|da|al|el|bin|la|le)[ ])"
# Words with a capital that follow a title, a label or a name as often as a name does.
_OTHER_WORDS = """
    Dr DR Prof PROF Mr Mrs Ms Frau Herr Herrn The This There In On At No Not Is Was Has Had With And For Of To By From As
    Male Female Unknown None Finding Findings FINDINGS Impression IMPRESSION Comparison COMPARISON Indication INDICATION History
    HISTORY Technique TECHNIQUE Clinical CLINICAL Exam Examination Date DATE DOB MRN Age AGE Sex Gender ID Chest CHEST Thorax
    Abdomen Head Brain Lung Lungs Heart CT CTA MR MRI MRT PET XR US Series Image Study Report Radiology Radiologist Specialist
    Department Supine Prone Status Post Der Die Das Den Dem Des Ein Eine Einer Es Im Am Bei Mit Und Zum Kein Keine Männlich
    Weiblich Befund Beurteilung Lunge Herz Schädel Alter Geschlecht Geb Geboren Fragestellung Technik Zustand Nach
"""
_NOT_A_NAME = rf"(?!(?:{'|'.join(_OTHER_WORDS.split())}|(?:An?|I)(?!\.))\b)"
_WORD = rf"{_PARTICLE}{{0,2}}{_NOT_A_NAME}(?:{_UP}\.(?:-?{_UP}\.)?|{_UP}[\w'’-]{{0,40}}(?![\w'’-]))"
# A word before a colon is a heading, unless it is the first.
_NAME = rf"{_WORD}(?:[ ]?{_WORD}(?!:)){{0,2}}"
_NAME_COMMA = rf"{_WORD}(?:,?[ ]?{_WORD}(?!:)){{0,3}}"
_TITLE = (
    r"(?<![^\W_])(?:Dr|DR(?=\.)|Prof|PROF|Professor|Doctor|Mr|Mrs|MRS|Ms|Mx|Miss|Frau|Herrn?|Hr(?=\.))\b\.?"
    r"(?:[ -]{0,2}(?:med|Med|rer|nat|univ|Univ|habil|h\.?[ ]?c|dent|phil|sc|Ing|Dipl|Dr|Prof|PD)\b\.?){0,5}\s?"
)
_NAMED = (
    r"\b(?i:patient(?:['’]?s)?(?:[ ]name)?|patienten?name|patientin|(?:full[ ]|(?<!\w[ ]))name(?:[ ]des[ ]patienten)?"
    r"|(?:nach|vor|familien|geburts|sur|last[ ]|first[ ]|given[ ]|family[ ])name|pat\.)[ ]?:[ \t]{0,3}"
)
_ROLE = (
    r"(?<![^\W_])(?i:(?:(?:referring|requesting|ordering|attending|reporting|reading|interpreting|signing|dictating|primary)[ ])?"
    r"(?:physician|doctor|radiologist|clinician|provider|surgeon|technologist|attending|resident|transcriptionist)"
    r"|überweiser(?:in)?|zuweiser(?:in)?|einweiser(?:in)?|anforderer|radiolog(?:e|in)|(?:haus|ober|assistenz|chef|fach)?(?:arzt|ärztin)"
    r"|befunder(?:in)?|mtra?)[ ]?:[ \t]{0,3}"
)
_SIGNED = (
    r"(?<![^\W_])(?i:(?:signed|dictated|reported|read|transcribed|interpreted|verified|approved|reviewed|finalized|authenticated"
    r"|performed|entered|supervised)[ ]by|(?:diktiert|befundet|erstellt|unterschrieben|unterzeichnet|freigegeben|validiert|vidiert"
    r"|signiert)[ ](?:von|durch)|gez\.)[ ]?:?[ \t]{0,3}"
)
_DEGREE = r"(?=,[ ]?(?:MD|M\.D\.|DO|D\.O\.|PhD|Ph\.D\.|FRCR|MBBS|RN|NP|RPA|PA-C)(?!\w))"

_NUMBER = r"(?:[ ]?(?:number|num|no|nr|nummer|id)\b\.?|[ ]?#)"
_ID_LABEL = (
    r"(?<![^\W_])(?i:MRN|M\.R\.N\.|SSN|KVNR|accession|(?:PID|ID|acc)(?=[ ]?[:#])|medical[ ]record"
    rf"|(?:acc(?:ession)?\.?|medical[ ]record|record|patient|pat\.?|case|chart|order|exam|study|visit|encounter|account|NHS|insurance)"
    rf"{_NUMBER}|(?:pat(?:ienten)?|fall|auftrags?|untersuchungs|aufnahme|versicher(?:ten|ungs)|kranken(?:blatt|kassen)|akten|KV)\.?[ -]?"
    r"(?:nr|nummer|id)\b)(?![^\W_])[.:#= \t]{0,4}"
)
_ID_VALUE = r"(?=[A-Za-z/_.-]{0,12}\d)[A-Za-z0-9](?:[\w/.-]{0,40}\w)?(?:[ ]\d{3,9}(?!\w|[.,]\d)){0,3}"
_CALL = (
    r"(?<![^\W_])(?i:tel(?:efon|ephone|efax)?|phone|fax|pager|beeper|mobil(?:e|telefon)?(?=[.:])|handy|dect|durchwahl|ext(?=[.:])"
    r"|call[ ]?back)(?:[ .:#]{1,3}(?i:nr|no|number)\b\.?)?[ .:#]{1,3}"
)
_STREET = rf"{_UP}[\w-]{{0,30}}(?:[ ]{_UP}[\w-]{{0,30}})?"
_TOWN = rf"(?:,?[ ]?\n?(?:D-)?\d{{5}}[ ]{_UP}[\w-]{{1,30}})?"
_STATE = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"


_MONTH_NUMBER = shows(r"[JFMASOND][a-zäA-ZÄ]{2,8}\.?,?[ \t\u00a0-]?(?:of[ ])?['’]?\d")
_ROLES = (
    *("physician", "doctor", "radiolog", "clinician", "provider", "surgeon", "technologist", "attending", "resident", "transcriptionist"),
    *("weiser", "anforderer", "arzt", "ärztin", "befunder", "mtr"),
)
_SIGNED_IN_GERMAN = (
    *("diktiert", "befundet", "erstellt", "unterschrieben", "unterzeichnet", "freigegeben", "validiert", "vidiert", "signiert"),
)


@final
@dataclass(frozen=True)
class Rule:
    """A way in which persons are named."""

    tag: str
    pattern: Pattern[str]
    """Hides what the group `hide` holds; what comes before it stays, since it tells a reader what was there."""
    need: Need
    """Met wherever the pattern matches."""


def _rules(*rules: tuple[str, str, str, Need]) -> tuple[Rule, ...]:
    """(tag, what comes before and stays, what is hidden, need). Where a blank is written as [ ], a tab or hard blank will do."""
    blank = "[ \t\u00a0]"
    return tuple(Rule(tag, re.compile(f"{before}(?P<hide>{hidden})".replace("[ ]", blank)), need) for tag, before, hidden, need in rules)


RULES = _rules(
    ("URL", r"(?<!\w)", r"(?i:https?://|ftp://|www\.)[^\s<>\"'()\[\]\ue000]{0,2000}[\w/]", says(r"//|www\.")),
    ("EMAIL", r"(?<![\w.+-])", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", has("@")),
    ("ID", r"(?<![\w.])", r"\d{1,9}(?:\.\d{1,39}){4,}(?!\w)", shows(r"\.\d{1,39}\.\d{1,39}\.\d{1,39}\.\d")),
    ("ID", r"(?<!\w)", r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?!\w)", shows(r"-[0-9a-fA-F]{4}-")),
    # Dates: year first, year last, in digits alone, month and year, then with the month's name.
    (
        "DATE",
        _START,
        rf"{_YEAR}(?:-{_MON}-{_DAY}|/{_MON}/{_DAY}|\.{_MON}\.{_DAY})(?:T\d\d:\d\d(?::\d\d)?(?:\.\d{{1,6}})?Z?)?(?!\d)",
        shows(r"(?:19|20)\d{2,3}[-/.]\d"),
    ),
    ("DATE", _START, rf"(?:{_DAY}/{_MON}|{_MON}/{_DAY})/{_YEAR}", shows(r"/\d\d?/\d")),
    ("DATE", _START, rf"{_DAY}\.[ ]?{_MON}\.[ ]?{_YEAR}", shows(r"\.[ ]?\d\d?\.[ ]?\d")),
    ("DATE", r"(?<!\d)", rf"(?:{_DAY}-{_MON}|{_MON}-{_DAY})-{_YEAR}", shows(r"-\d\d?-\d")),
    ("DATE", _ALONE, rf"(?:{_DAY}/{_MON}|{_MON}/{_DAY})/\d\d(?!\d){_NO_MORE}", shows(r"/\d\d?/\d")),
    ("DATE", _ALONE, rf"{_DAY}\.{_MON}\.\d\d(?!\d){_NO_MORE}", shows(r"\.\d\d?\.\d")),
    ("DATE", r"(?<![\w.,/:-])", rf"(?:{_DAY2}-{_MON2}|{_MON2}-{_DAY2})-\d\d(?![\d-]){_NO_MORE}", shows(r"-\d\d-\d")),
    ("DATE", r"(?<!\d)", r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)", shows(r"\d{8}")),
    ("DATE", _ALONE, rf"(?:{_MON}/|{_MON2}[.-])(?:19|20)\d\d{_NO_MORE}", shows(r"[/.-](?:19|20)\d")),
    ("DATE", _ALONE, rf"(?:19|20)\d\d-{_MON2}(?!-){_NO_MORE}", shows(r"(?:19|20)\d\d-\d")),
    # "3. May" is a sentence after a number in English, and a German date only as "3. Mai".
    (
        "DATE",
        _ALONE,
        rf"{_DAY}{_TH}(?!\.[ ]?(?:May|Mar|MA[RY])\b)\.?[ -]?(?:of[ ])?{_MONTH}(?:,?[ -]?{_YEAR}|[ -]?['’]\d\d(?!\d)|-\d\d(?!\d))?",
        shows(rf"\d{_TH}\.?[ \t\u00a0-]?(?:of[ ])?[JFMASOND]"),
    ),
    ("DATE", r"(?<!\w)", rf"(?:{_FULL_MONTH}|{_SHORT_MONTH})[ ]{_DAY}{_TH}(?![\w/]|[.,]\d{{1,2}}(?!\d))(?:,?[ ]?{_YEAR})?", _MONTH_NUMBER),
    ("DATE", r"(?<!\w)", rf"{_MONTH}[ ]?{_DAY}{_TH},?[ ]{_YEAR}", _MONTH_NUMBER),
    ("DATE", r"(?<!\w)", rf"{_MONTH}(?:[ -]|,[ ])?(?:of[ ])?(?:{_YEAR}|['’]\d\d(?!\w))", _MONTH_NUMBER),
    (
        "DATE",
        _DATED,
        rf"(?:{_MONTH}|{_DAY}/{_DAY}(?![\w/]))",
        both(said("dated", "performed", "obtained", "done", "acquired", "taken"), says(r"(?:ted|on)[ ][\djfmasond]")),
    ),
    (
        "DATE",
        r"\b(?i:in|im|since|seit|last|letzten|early|late|mid|anfang|mitte|ende)[ -]",
        rf"{_FULL_MONTH}(?!\w)",
        shows(rf"[ \t\u00a0-]{_FULL_MONTH}"),
    ),
    ("DATE", r"(?<!\w)", rf"{_FULL_MONTH}(?=-dated)", has("-dated")),
    ("DATE", r"\b(?i:vom|am)[ ]", rf"{_DAY}\.{_MON}\.(?!\d)", both(said("vom", "am"), shows(r"\.\d\d?\."))),
    # Times. A bare 9:41 may be a ratio and a bare "am" is a German word, so these need more; clock positions of a lesion stay.
    ("TIME", r"(?<![\w.:])", rf"{_HOUR}(?::[0-5]\d){{1,2}}[ ]?(?i:a\.m\.|p\.m\.|am\b|pm\b)", shows(r":[0-5]\d")),
    ("TIME", r"(?<![\w.:])", rf"{_HOUR}[ ]?(?:a\.m\.|p\.m\.|AM\b|PM\b|pm\b)", shows(r"\d[ ]?[apAP]\.?[mM]")),
    ("TIME", r"(?<![\w.:])", rf"{_HOUR}[:.][0-5]\d(?::[0-5]\d)?[ ]?(?:Uhr|hrs|hours|h)\b{_NO_CLOCK}", shows(r"\d[ ]?[Uh]")),
    ("TIME", r"(?<![\w.:])", rf"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{{1,6}})?)?(?![\w:]){_NO_CLOCK}", shows(r":[0-5]\d")),
    ("TIME", r"\b(?i:at|um)[ ]", rf"{_HOUR}:[0-5]\d(?![\w:]){_NO_CLOCK}", shows(r":[0-5]\d")),
    ("TIME", r"\b(?i:at|um)[ ]", rf"(?:(?:[01]\d|2[0-3])[0-5]\d[ ](?:hours|hrs|Uhr)|{_HOUR}[ ]Uhr)\b{_NO_CLOCK}", shows(r"\d[ ][hU]")),
    # Numbers that a label announces, then those that are long enough to be nothing else.
    ("ID", _ID_LABEL, _ID_VALUE, says_near(r"mrn|m\.r\.n|ssn|kvnr|accession|record|num|(?:no|nr|id|acc)(?!\w)|#")),
    (
        "PHONE",
        _CALL,
        r"[+(]?\d[\d ()/.-]{1,20}\d(?!\w)",
        near("tel", "phone", "fax", "pager", "beeper", "mobil", "handy", "dect", "durchwahl", "ext", "call"),
    ),
    ("PHONE", r"(?<![\w.-])", r"(?:\+?1[-. ])?(?:\(\d{3}\)[ ]?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-]|\.\d)", shows(r"[-. ]\d{4}")),
    ("PHONE", r"(?<!\w)", r"(?:\+|00)[1-9]\d{0,2}[ ()/-]{0,2}\d[\d ()/-]{6,18}\d(?!\w)", shows(r"(?:\+|00)[1-9]")),
    (
        "PHONE",
        r"(?<![\w.,/-])",
        r"0[1-9]\d{1,3}(?:[ ]?[/-][ ]?\d{3,9}|[ ]\d{5,9})(?:[- ]\d{1,5})?(?!\w)",
        shows(r"0[1-9]\d{1,3}[ \t\u00a0/-]"),
    ),
    ("ID", r"(?<![\w-])", r"\d{3}-\d{2}-\d{4}(?![\w-])", shows(r"-\d\d-\d{4}")),
    ("ID", r"(?<!\d)(?<!\d[.,])", r"\d{7,}", shows(r"\d{7}")),
    (
        "ADDRESS",
        r"(?<![\w-])",
        rf"{_UP}[\w-]{{0,30}}(?:straße|strasse|str\.|platz|allee|gasse)[ ]?\d{{1,4}}[a-z]?(?!\w){_TOWN}",
        has("straße", "strasse", "str.", "platz", "allee", "gasse"),
    ),
    (
        "ADDRESS",
        r"(?<![\w-])",
        rf"{_STREET}[- ](?:Straße|Strasse|Str\.|Platz|Allee|Weg|Ring|Gasse)[ ]\d{{1,4}}[a-z]?(?!\w){_TOWN}",
        has("Straße", "Strasse", "Str.", "Platz", "Allee", "Weg", "Ring", "Gasse"),
    ),
    (
        "ADDRESS",
        r"(?<![\w.])",
        rf"\d{{1,5}}[ ](?:[NSEW]\.?[ ])?{_STREET}[ ]"
        r"(?:Street|St\.|Avenue|Ave\.?|Road|Rd\.?|Boulevard|Blvd\.?|Lane|Drive|Court|Way|Parkway)(?!\w)",
        has("Street", "St.", "Ave", "Road", "Rd", "Boulevard", "Blvd", "Lane", "Drive", "Court", "Way", "Parkway"),
    ),
    ("ADDRESS", r"(?<![\w-])", rf"{_STREET},[ ]{_STATE}[ ]\d{{5}}(?:-\d{{4}})?(?!\w)", shows(r",[ ][A-Z]{2}[ ]\d{5}")),
    ("ADDRESS", r"(?<![\w-])", rf"(?:D-|PLZ:?[ ]?)\d{{5}}(?:[ ]{_UP}[\w-]{{1,30}})?(?!\w)", both(has("D-", "PLZ"), shows(r"\d{5}"))),
    ("NAME", r"(?<![^\W_])", r"[^\W\d_]{1,40}(?:\^[^\W\d_]{0,40}){1,4}", has("^")),
    ("NAME", _TITLE, _NAME, has("Dr", "DR", "Prof", "PROF", "Doctor", "Mr", "MRS", "Ms", "Mx", "Miss", "Frau", "Herr", "Hr.")),
    ("NAME", _NAMED, _NAME_COMMA, both(has(":"), says(r"(?:name|patient(?:['’]?s|in|en)?|pat\.)[ ]?:"))),
    ("NAME", _ROLE, _NAME_COMMA, both(has(":"), said(*_ROLES))),
    ("NAME", _SIGNED, _NAME_COMMA, said("d by", "d\tby", "d\u00a0by", "gez.", *_SIGNED_IN_GERMAN)),
    ("NAME", r"(?<![\w'’-])", rf"{_WORD}(?:[ ]{_WORD}){{0,3}}{_DEGREE}", shows(r",[ ]?(?:M\.?D|D\.?O|Ph|FRCR|MBBS|R?N|RPA|PA-C)")),
)
"""In the order in which they are applied."""

KEEP = re.compile(
    r"(?<![^\W_])(?i:series|serien?|serial|ser?|images?|img|ima|im(?=[:#])|bild(?:er)?|slices?|schicht(?:en)?|segment(?:e|en|s)?|seg)"
    r"[ .:#]{1,2}(?:no\.?|nr\.?)?[ ]?\d{1,4}(?:[ ]?[:/,+-][ ]?(?!(?:19|20)\d\d(?!\d))\d{1,4}){0,4}(?![\w/]|[.:-]\d)"
)
"""Places in a scan ("series 2, image 45", "se 04:12", "segments 6/7/10"): these numbers are no dates and no times."""
KEEP_NEED = says_near(r"ser|im(?:a|g|[:#])|bild|slice|schicht|seg")
"""As of a rule, of `KEEP`."""
