"""What all German reports share."""

from __future__ import annotations

from .words import Grammar

GERMAN = Grammar(
    sides={"left": "links", "right": "rechts", "bilateral": "beidseits", "midline": "median", "": ""},
    onsides={"left": "linksseitig", "right": "rechtsseitig", "bilateral": "beidseits", "midline": "in der Mittellinie", "": ""},
    decimal=",",
    last="oder",
    also="und",
    dates=("{day:02}.{month:02}.{year}", "{day}.{month}.{year}", "{day}. {name} {year}"),
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    references=(
        " (Serie {series}, Bild {image})",
        " (Serie {series} Bild {image})",
        " (Bild {image}, Serie {series})",
        " (Se {series}, Im {image})",
        " ({series}/{image})",
        " (S. {series}, B. {image})",
        ", siehe Serie {series}, Bild {image}",
        " (Ser. {series}/Bild {image})",
        " (Bild {image} der Serie {series})",
    ),
    leads={},
    doubts=(
        "V. a. {phrase}.",
        "Fraglich {phrase}.",
        "{phrase} nicht sicher auszuschließen.",
        "Verdacht auf {phrase}{ref}, DD Artefakt.",
        "{phrase} möglich.",
        "{phrase}, fraglich.",
        "Allenfalls diskreter Befund, fraglich {phrase}{ref}.",
    ),
    lists=(  # the nouns are in the dative, so all of these govern it
        "Kein Nachweis von {items}.",
        "Kein Nachweis von {items}.",
        "Ohne Nachweis von {items}.",
        "Keine Zeichen von {items}.",
        "Kein CT-morphologischer Nachweis von {items}.",
    ),
    told_together=("{count} {plural}: {items}.", "{plural}: {items}.", "{count} {plural} {places}."),
    item=("{size} {where}{ref}", "{where}[, {size}]{ref}", "{where}[ ({size})]{ref}"),
    counts=("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht"),
    largest=(
        "Mehrere {plural}, der größte Befund[ mit {size}] {where}.",
        "Multiple {plural}[ bis {size}], dominant {where}.",
    ),
    conclusions=(*["{phrase}."] * 5, "Bildmorphologisch {phrase}."),
    priors=("der Voruntersuchung vom {date}", "der CT vom {date}", "der Voraufnahme vom {date}", "der Voruntersuchung"),
    changes={
        "larger": (", im Vergleich zu {prior} größenprogredient", ", gegenüber {prior} zunehmend"),
        "smaller": (", im Vergleich zu {prior} regredient", ", gegenüber {prior} rückläufig"),
        "same": (", im Vergleich zu {prior} unverändert", ", konstant gegenüber {prior}", ", stationär zu {prior}"),
        "new": (", im Vergleich zu {prior} neu aufgetreten", ", neu gegenüber {prior}"),
    },
    changed={
        "larger": ("Im Vergleich zu {prior} hat {subject} zugenommen.", "Gegenüber {prior} ist {subject} progredient."),
        "smaller": ("Im Vergleich zu {prior} hat {subject} abgenommen.", "Gegenüber {prior} ist {subject} regredient."),
        "same": ("Im Vergleich zu {prior} ist {subject} unverändert.", "Gegenüber {prior} ist {subject} konstant."),
        "new": ("Im Vergleich zu {prior} ist {subject} neu aufgetreten.", "Neu gegenüber {prior} ist {subject}."),
    },
    earlier=(
        "In der Voruntersuchung maß {subject} {size} (Serie {series}, Bild {image} der Voruntersuchung).",
        "Vorbefund: {subject} damals {size} (Serie {series}, Bild {image} der Voraufnahme).",
    ),
    compared=(
        "{exam} vom {date}.",
        "Voruntersuchung vom {date}.",
        "Zum Vergleich liegt die {exam} vom {date} vor.",
        "Voraufnahme vom {date}.",
    ),
    uncompared=("Keine Voraufnahmen vorliegend.", "Keine.", "Voruntersuchungen liegen nicht vor."),
    headings=(
        ("Klinische Angaben", "Technik", "Vergleich", "Befund", "Beurteilung"),
        ("Fragestellung", "Untersuchungstechnik", "Voruntersuchungen", "Befund", "Beurteilung"),
        ("Anamnese", "Technik", "Voraufnahmen", "Befund", "Zusammenfassung"),
        ("Rechtfertigende Indikation", "Methodik", "Voruntersuchung", "Befund", "Beurteilung"),
    ),
    summing_up=("Zusammenfassend:", "Beurteilung:", "Insgesamt:"),
)
