"""The words that references are made of, in English and German, small letters. Adding one is adding it here."""

from __future__ import annotations

_SERIES = "series serie serien serial serials ser se srs sequence seri série séries"
_IMAGE = """
    image images img imgs ima imas section sections slice slices bild bilder bildern bildes schicht schichten schnitt schnitte schnitten
    schnittbild schnittbilder schichtbild schichtbilder imagen imágenes immagine immagini imaj kesit
"""
# These are other words as well, or too short: they count beside a series, or alone in brackets.
_PAIRED_IMAGE = "im ims sl slc sec sect cut cuts frame frames scan scans aufnahme aufnahmen sb"
_LETTERS = "i b"

SERIES = frozenset(_SERIES.split())
IMAGE = frozenset(_IMAGE.split())
PAIRED_IMAGE = frozenset(_PAIRED_IMAGE.split())
SERIES_LETTERS = frozenset({"s"})
"""Only before one of `IMAGE_LETTERS` or an image: "S. 2, B. 45", "s3i45"."""
IMAGE_LETTERS = frozenset(_LETTERS.split())
PLURAL = frozenset(word for word in (*IMAGE, *PAIRED_IMAGE) if word.endswith("s") or word in ("bilder", "bildern", "schichten"))
TYPED_SERIES = ("series", "serial", "serie", "serien")
TYPED_IMAGE = ("image", "images", "section", "slice", "slices", "bilder", "schicht")
"""Words that are long enough to be known with a typing error."""
_RIGHT = "slide slides suction bilden bildet gilder wilder milder serge serve serves sevier schlicht spice slick"
NO_TYPING_ERROR = frozenset(_RIGHT.split())

_NUMBER_WORDS = "no nos nr nrn number numbers num nummer nummern"
VAGUE = frozenset(("section", "sections", "schnitt", "schnitte", "schicht", "kesit"))
"""Parts of a body too: alone and with a small number they name no image."""
ORDINAL = frozenset(("st", "nd", "rd", "th"))

NUMBER = frozenset(_NUMBER_WORDS.split())
_AND_WORDS = "and or und oder sowie"
AND = frozenset(_AND_WORDS.split())
_TO_WORDS = "to through thru till until bis"
TO = frozenset(_TO_WORDS.split())
_OF_WORDS = "of in on at from the a an der die das des dem den im in am aus von vom auf bei zu zur within"
OF = frozenset(_OF_WORDS.split())

# A number before one of these is a measure, a count or a time.
_UNITS = """
    mm cm dm m ml cc ccm hu he hounsfield x mal percent prozent degrees degree grad months month mo weeks week days day years year yrs yr
    hours hour hrs minutes seconds monate monaten monat wochen woche tage tagen tag jahre jahren jahr stunden minuten kv kvp ma mas mgy gy
    mmhg kg mg o uhr
"""
# Only where the number is one of a list: "image 124 ML" was seen to name an image.
_LOOSE_UNITS = "ml cc m mo o x"
UNITS = frozenset(_UNITS.split())
LOOSE_UNITS = frozenset(_LOOSE_UNITS.split()) - {"x"}

# The other examination.
_PRIOR = """
    prior priors previous previously earlier former formerly old older preceding outside baseline comparison
    voruntersuchung voruntersuchungen voraufnahme voraufnahmen vorbefund vorct vorherige vorherigen vorheriger vorherigem vorangegangene
    vorangegangenen vorangegangener vorige vorigen voriger frühere früheren früherer früher zuvor damals vormals alte alten alter
    letzte letzten letzter auswärtige auswärtigen fremdaufnahme
"""
_CURRENT = "current currently today todays present now this aktuell aktuelle aktuellen aktueller heutige heutigen heute jetzt nun dieser"
_EXAM = """
    ct cts cta mr mri mrt pet scan scans study studies exam exams examination examinations imaging film films radiograph chest thorax head
    brain abdomen untersuchung untersuchungen aufnahme aufnahmen befund kontrolle date dated voruntersuchung voraufnahme last
"""
_FILLER = """
    measured measures measuring measure was were is are seen best noted visible see siehe as maß mass gemessen war waren ist with size
    diameter a about ca approx mit größe vor up approximately and und
"""
_COMPARED = """
    compared comparison compare since than unchanged stable similar same new not increased decreased larger smaller progressive improved
    vergleich verglichen vergleichend gegenüber seit unverändert konstant stationär neu als progredient regredient rückläufig zunehmend
"""
_TWO_SIDED = "compared comparison compare vergleich verglichen gegenüber"
PRIOR = frozenset(_PRIOR.split())
CURRENT = frozenset(_CURRENT.split())
EXAM = frozenset(_EXAM.split())
FILLER = frozenset(_FILLER.split()) | UNITS | OF | NUMBER
COMPARED = frozenset(_COMPARED.split())
"""What makes a prior examination the one that is compared with, so that the image is of this one."""
TWO_SIDED = frozenset(_TWO_SIDED.split())
"""Those that open a sentence, and are then followed by the prior examination's own image."""

_SEE_WORDS = "see siehe s vgl cf e g z b at on also prior previously previous old now currently best key"
SEE = frozenset(_SEE_WORDS.split())
"""What may stand in brackets before a bare "3/45"."""
_DATED_WORDS = "ct mri mrt pet exam examination study scan dated from of since on vom am prior previous untersuchung date"
DATED = frozenset(_DATED_WORDS.split())
"""What may stand before brackets whose "3/18" is a date."""
_SCORED = """
    score scores grade grades gcs glasgow strength power pain mrc vas nrs murmur pulse pulses apgar blood pressure bp rr thirds quarters
    punkte grad grade kraft kraftgrad schmerz blutdruck drittel viertel ratio level levels vertebra vertebrae vertebral segments segmente
    wirbel wirbelkörper station stations stage stages stadium class type lr bethesda gleason
"""
SCORED = frozenset(_SCORED.split())
"""What may stand before brackets that hold a score, a share, a pressure or vertebrae."""
