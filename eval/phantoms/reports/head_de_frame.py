"""The rest of German reports on the head: organs, what is no finding, history, technique."""

from __future__ import annotations

from ..findings import HEMORRHAGES
from .head_de import WORDS
from .words import Lexicon, Organ, Remark

_SUMMARY = (
    Remark("Keine intrakranielle Blutung.", HEMORRHAGES),
    Remark("Kein Nachweis einer intrakraniellen Blutung.", HEMORRHAGES),
    Remark("Kein Hinweis auf eine frische intrakranielle Blutung.", HEMORRHAGES),
    Remark("Keine intra- oder extraaxiale Blutung.", HEMORRHAGES),
    Remark("Eine intrakranielle Blutung ist nicht nachweisbar.", HEMORRHAGES),
)

HEAD_DE = Lexicon(
    words=WORDS,
    where={
        "frontal": ("{side} frontal", "frontal {side}", "im Frontallappen {side}"),
        "temporal": ("{side} temporal", "temporal {side}", "im Temporallappen {side}"),
        "parietal": ("{side} parietal", "parietal {side}", "im Parietallappen {side}"),
        "occipital": ("{side} okzipital", "okzipital {side}", "im Okzipitallappen {side}"),
        "basal_ganglia": ("in den Stammganglien {side}", "im Bereich der Stammganglien {side}"),
        "thalamus": ("im Thalamus {side}", "thalamisch {side}"),
        "cerebellum": ("zerebellär {side}", "in der Kleinhirnhemisphäre {side}"),
        "diffuse": ("hemisphärisch {side}",),
        "diffuse/bilateral": ("in beiden Hemisphären", "supratentoriell beidseits"),
    },
    organs=(
        Organ("Blutung", HEMORRHAGES, _SUMMARY, always=True),
        Organ(
            "Hirnparenchym",
            ("infarct", "edema"),
            (
                Remark("Mark-Rinden-Differenzierung erhalten, kein Infarkt.", ("infarct",), ("edema",)),
                Remark("Keine Infarktdemarkation, kein Ödem.", ("infarct", "edema")),
                Remark("Hirnparenchym altersentsprechend.", ("infarct", "edema"), ("intraparenchymal",)),
            ),
            (Remark("Sella unauffällig."), Remark("Orbitae unauffällig."), Remark("Kraniozervikaler Übergang regelrecht.")),
        ),
        Organ(
            "Liquorräume und Mittellinie",
            ("midline_shift", "mass_effect", "hydrocephalus"),
            (
                Remark("Mittellinie mittelständig, keine raumfordernde Wirkung.", ("midline_shift", "mass_effect")),
                Remark("Liquorräume altersentsprechend, kein Hydrozephalus.", ("hydrocephalus",), HEMORRHAGES),
                Remark("Keine Mittellinienverlagerung, kein Liquoraufstau.", ("midline_shift", "hydrocephalus")),
            ),
        ),
        Organ(
            "Knochen",
            ("fracture", "pneumocephalus"),
            (
                Remark("Keine Fraktur, keine intrakranielle Luft.", ("fracture", "pneumocephalus")),
                Remark("Im Knochenfenster keine Fraktur.", ("fracture",)),
                Remark("Kalotte und Schädelbasis intakt.", ("fracture",)),
            ),
        ),
    ),
    distractors={
        "calcified_falx": (Remark("Falxverkalkung."), Remark("Physiologische Verkalkung der Falx cerebri.")),
        "calcified_choroid": (Remark("Physiologische Plexusverkalkungen."),),
        "calcified_pineal": (Remark("Verkalkte Glandula pinealis."), Remark("Epiphysenverkalkung, physiologisch.")),
        "calcified_basal_ganglia": (Remark("Stammganglienverkalkungen beidseits."),),
        "beam_hardening": (Remark("Aufhärtungsartefakte infratentoriell."),),
        "motion": (Remark("Bewegungsartefakte, eingeschränkte Beurteilbarkeit."), Remark("Untersuchung durch Bewegung beeinträchtigt.")),
        "dense_venous_sinus": (Remark("Mäßig dichte venöse Sinus, am ehesten hämatokritbedingt."),),
        "atrophy": (
            Remark("Altersentsprechende Hirnvolumenminderung."),
            Remark("Erweiterung der Liquorräume e vacuo bei Atrophie, kein Hydrozephalus.", ("hydrocephalus",)),
        ),
        "old_lacune": (Remark("Alte Lakune in den Stammganglien."), Remark("Alter lakunärer Defekt, kein frischer Infarkt.", ("infarct",))),
        "arachnoid_cyst": (Remark("Arachnoidalzyste als Nebenbefund."),),
        "suture": (Remark("Schädelnähte offen abgrenzbar, keine Fraktur.", ("fracture",)),),
        "scalp_swelling": (
            Remark("Galeahämatom."),
            Remark("Weichteilschwellung extrakraniell ohne Fraktur.", ("fracture",)),
        ),
        "prominent_vessels": (Remark("Kaliberkräftige basale Hirngefäße."),),
    },
    other="Sonstiges",
    incidental=(
        (
            "Schleimhautschwellung der Nasennebenhöhlen.",
            "Retentionszyste im Sinus maxillaris.",
            "NNH und Mastoide frei.",
        ),
        ("Mastoidzellen regelrecht belüftet.",),
        ("Z. n. Linsenimplantation.",),
        ("Septumdeviation.",),
        ("Karotissiphonverkalkungen.",),
    ),
    histories={
        "": (
            "Kopfschmerzen.",
            "Schwindel.",
            "Z. n. Sturz.",
            "Vigilanzminderung.",
            "Synkope.",
            "Krampfanfall.",
            "Ausschluss intrakranielle Blutung.",
            "Schädel-Hirn-Trauma.",
            "Verwirrtheit.",
        ),
        "intraparenchymal": ("Hypertensive Entgleisung, Hemiparese.",),
        "subarachnoid": ("Vernichtungskopfschmerz.",),
        "intraventricular": ("Koma.",),
        "subdural": ("Z. n. Sturz vor einer Woche, Antikoagulation.",),
        "epidural": ("Verkehrsunfall.",),
        "midline_shift": ("Anisokorie.",),
        "mass_effect": ("Erbrechen, Somnolenz.",),
        "edema": ("Zunehmende Somnolenz.",),
        "infarct": ("Akute Hemiparese.", "Aphasie, Lyse?"),
        "fracture": ("Fahrradsturz.", "Sturz aus großer Höhe."),
        "hydrocephalus": ("Gangstörung.",),
        "pneumocephalus": ("Z. n. Trepanation.",),
    },
    technique=("CCT nativ.", "Native CT des Schädels.", "Schädel-CT ohne Kontrastmittel."),
    technique_contrast=("CT des Schädels nach i.v. Kontrastmittelgabe.",),
    exam=("CCT", "CT des Schädels"),
    reassuring=(
        *_SUMMARY[:3],
        Remark("Keine Mittellinienverlagerung.", ("midline_shift",)),
        Remark("Kein Hydrozephalus.", ("hydrocephalus",)),
        Remark("Keine Fraktur.", ("fracture",)),
    ),
    normal=(
        Remark("Unauffällige CT des Schädels."),
        Remark("Kein akut pathologischer intrakranieller Befund."),
        Remark("Altersentsprechender Normalbefund."),
        Remark("Keine intrakranielle Blutung, kein demarkierter Infarkt.", (*HEMORRHAGES, "infarct")),
        Remark("Keine Blutung, keine Fraktur.", (*HEMORRHAGES, "fracture")),
    ),
)
