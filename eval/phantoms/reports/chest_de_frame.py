"""The rest of German reports on the chest: organs, what is no finding, history, technique."""

from __future__ import annotations

from .chest_de import WORDS
from .words import Lexicon, Organ, Remark

_LUNGS = ("consolidation", "ground_glass_opacity", "nodule", "mass")

CHEST_DE = Lexicon(
    words=WORDS,
    where={
        "upper_lobe/left": ("im linken Oberlappen", "im Oberlappen links"),
        "upper_lobe/right": ("im rechten Oberlappen", "im Oberlappen rechts"),
        "upper_lobe/bilateral": ("in beiden Oberlappen", "beidseits im Oberlappen"),
        "middle_lobe/left": ("in der Lingula",),
        "middle_lobe/right": ("im Mittellappen",),
        "middle_lobe/bilateral": ("im Mittellappen und in der Lingula",),
        "lower_lobe/left": ("im linken Unterlappen", "im Unterlappen links"),
        "lower_lobe/right": ("im rechten Unterlappen", "im Unterlappen rechts"),
        "lower_lobe/bilateral": ("in beiden Unterlappen", "beidseits im Unterlappen"),
        "diffuse": ("in der Lunge {side}",),
        "diffuse/bilateral": ("in beiden Lungen", "beidseits"),
    },
    organs=(
        Organ(
            "Lunge",
            ("nodule", "mass", "consolidation", "ground_glass_opacity", "emphysema"),
            (
                Remark("Lungenparenchym unauffällig.", (*_LUNGS, "emphysema")),
                Remark(
                    "Keine pneumonischen Infiltrate, keine suspekten Rundherde.",
                    ("consolidation", "nodule"),
                    ("ground_glass_opacity", "mass"),
                ),
                Remark("Regelrechte Belüftung beider Lungen ohne Infiltrate oder Herdbefunde.", _LUNGS, ("emphysema", "pneumothorax")),
            ),
            (
                Remark("Zentrale Atemwege frei."),
                Remark("Trachea und Hauptbronchien regelrecht."),
                Remark("Bronchialsystem frei einsehbar."),
            ),
        ),
        Organ(
            "Pleura",
            ("pleural_effusion", "pneumothorax"),
            (
                Remark("Kein Pleuraerguss, kein Pneumothorax.", ("pleural_effusion", "pneumothorax")),
                Remark("Weder Pleuraerguss noch Pneumothorax.", ("pleural_effusion", "pneumothorax")),
                Remark("Pleura unauffällig, kein Erguss.", ("pleural_effusion",), ("pneumothorax",)),
            ),
        ),
        Organ(
            "Herz",
            ("cardiomegaly", "pericardial_effusion", "coronary_calcification"),
            (
                Remark("Herz normal groß, kein Perikarderguss.", ("cardiomegaly", "pericardial_effusion")),
                Remark("Herz und Perikard unauffällig.", ("cardiomegaly", "pericardial_effusion"), ("coronary_calcification",)),
            ),
            (
                Remark("Thorakale Aorta normalkalibrig."),
                Remark("Die großen Gefäße regelrecht."),
                Remark("Truncus pulmonalis nicht erweitert."),
            ),
        ),
        Organ(
            "Mediastinum",
            ("lymphadenopathy",),
            (
                Remark("Keine pathologisch vergrößerten Lymphknoten mediastinal, hilär oder axillär.", ("lymphadenopathy",)),
                Remark("Mediastinum und Hili unauffällig.", ("lymphadenopathy",), ("mass",)),
            ),
            (Remark("Ösophagus unauffällig."), Remark("Mediastinum mittelständig.")),
        ),
        Organ("Fremdmaterial", ("medical_device",), ()),
    ),
    distractors={
        "vessel_crossing": (Remark("Rundliche periphere Dichten entsprechen orthograd getroffenen Gefäßen."),),
        "apical_scar": (Remark("Apikale Narben beidseits."), Remark("Pleurapikale Residuen.")),
        "dependent_atelectasis": (Remark("Dorsobasale Belüftungsstörungen, lageabhängig."), Remark("Geringe Dystelektasen dorsobasal.")),
        "fissure_thickening": (Remark("Geringe Verdickung des Interlobiums."),),
        "nipple_shadow": (Remark("Kleine Dichte der ventralen Thoraxwand, der Mamille entsprechend."),),
        "beam_hardening": (Remark("Aufhärtungsartefakte."), Remark("Eingeschränkte Beurteilbarkeit durch Aufhärtungsartefakte.")),
        "breathing_motion": (Remark("Atemartefakte, basal eingeschränkt beurteilbar."), Remark("Bewegungsartefakte.")),
        "calcified_granuloma": (Remark("Punktförmiges verkalktes Granulom."), Remark("Kleines Kalkgranulom, ohne Krankheitswert.")),
        "epicardial_fat": (Remark("Kräftiges epikardiales Fett."),),
        "aortic_calcification": (Remark("Aortensklerose."), Remark("Kalkplaques der Aorta.")),
        "small_lymph_nodes": (
            Remark("Kleine, nicht pathologisch vergrößerte mediastinale Lymphknoten.", ("lymphadenopathy",)),
            Remark("Mediastinale Lymphknoten unter 8 mm, nicht vergrößert.", ("lymphadenopathy",)),
        ),
        "costal_calcification": (Remark("Verkalkte Rippenknorpel."),),
    },
    other="Sonstiges",
    incidental=(
        (
            "Degenerative Veränderungen der BWS.",
            "Spondylosis deformans der BWS.",
            "Leichte Skoliose.",
        ),
        (
            "Keine Osteolysen.",
            "Keine frische knöcherne Verletzung.",
        ),
        (
            "Kleine Leberzyste.",
            "Cholezystolithiasis.",
            "Steatosis hepatis.",
            "Oberbauchorgane, soweit erfasst, unauffällig.",
            "Nierenzyste links.",
            "Nebennieren schlank.",
        ),
        ("Axiale Hiatushernie.",),
        (
            "Hypodenser Schilddrüsenknoten links.",
            "Struma nodosa.",
        ),
    ),
    histories={
        "": (
            "Husten.",
            "Dyspnoe.",
            "Thoraxschmerzen.",
            "Fieber, Leukozytose.",
            "Gewichtsverlust.",
            "Präoperative Abklärung.",
            "Ausschluss Pneumonie.",
            "Z. n. Sturz.",
            "Verlaufskontrolle.",
        ),
        "nodule": ("Auffälliges Röntgenbild.", "Nikotinabusus."),
        "mass": ("Gewichtsverlust, Hämoptysen.", "Auffälliges Röntgenbild."),
        "consolidation": ("Fieber und produktiver Husten.",),
        "ground_glass_opacity": ("Fieber, trockener Husten, Hypoxämie.",),
        "pleural_effusion": ("Progrediente Dyspnoe.", "Abgeschwächtes Atemgeräusch basal."),
        "pneumothorax": ("Plötzlicher Thoraxschmerz.", "Z. n. ZVK-Anlage."),
        "cardiomegaly": ("Herzinsuffizienz.",),
        "emphysema": ("COPD.", "Langjähriger Raucher, Dyspnoe."),
        "coronary_calcification": ("Z. n. Myokardinfarkt.",),
        "lymphadenopathy": ("Nachtschweiß.", "Lymphom, Staging."),
        "medical_device": ("Intensivpatient.",),
    },
    technique=("CT des Thorax nativ.", "Native Spiral-CT des Thorax.", "Thorax-CT ohne Kontrastmittel."),
    technique_contrast=("CT des Thorax nach i.v. Kontrastmittelgabe.", "Kontrastverstärkte Spiral-CT des Thorax."),
    exam=("CT des Thorax", "Thorax-CT"),
    reassuring=(
        Remark("Kein Pneumothorax.", ("pneumothorax",)),
        Remark("Kein Pleuraerguss.", ("pleural_effusion",)),
        Remark("Keine pneumonischen Infiltrate.", ("consolidation",), ("ground_glass_opacity",)),
        Remark("Keine Lymphadenopathie.", ("lymphadenopathy",)),
    ),
    normal=(
        Remark("Unauffälliges CT des Thorax."),
        Remark("Kein akut pathologischer Befund."),
        Remark("Altersentsprechender Normalbefund."),
        Remark("Kein Pleuraerguss, keine Infiltrate.", ("pleural_effusion", "consolidation"), ("ground_glass_opacity",)),
    ),
)
