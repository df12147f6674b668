"""The findings of CT-RATE, in sentences of our own."""

from __future__ import annotations

import pytest

from scanbank.eval.labels import RuleLabeler, finding_set

CHEST = RuleLabeler(finding_set("chest18"))

SAYINGS = {
    "A central venous catheter ends in the right atrium.": {"medical_material": "present"},
    "No implanted device is seen.": {"medical_material": "absent"},
    "Calcified atheroma plaques in the aortic arch and coronary arteries.": {
        "arterial_wall_calcification": "present",
        "coronary_artery_wall_calcification": "present",
    },
    "Plaques in the coronary arteries.": {
        "arterial_wall_calcification": "unmentioned",
        "coronary_artery_wall_calcification": "present",
    },
    "Aortic valve calcification.": {"arterial_wall_calcification": "unmentioned"},
    "No calcification in the coronary arteries.": {"coronary_artery_wall_calcification": "absent"},
    "The heart is larger than normal.": {"cardiomegaly": "present"},
    "Heart size within normal limits, no pericardial effusion.": {"cardiomegaly": "absent", "pericardial_effusion": "absent"},
    "Cardiothoracic index is 0.56.": {"cardiomegaly": "present"},
    "Minimal effusion in the pericardial space.": {"pericardial_effusion": "present", "pleural_effusion": "unmentioned"},
    "No pleural or pericardial effusion.": {"pleural_effusion": "absent", "pericardial_effusion": "absent"},
    "Pericardial effusion is present; pleural effusion was not detected.": {
        "pericardial_effusion": "present",
        "pleural_effusion": "absent",
    },
    "The pleural spaces are clear.": {"pleural_effusion": "absent"},
    "Sliding type hiatal hernia.": {"hiatal_hernia": "present"},
    "Right paratracheal lymph node with a short axis of 14 mm.": {"lymphadenopathy": "present"},
    "Lymph node measuring 6 mm in short axis.": {"lymphadenopathy": "absent"},
    "Lymph node of 16 x 8 mm.": {"lymphadenopathy": "absent"},
    "A lymph node smaller than 1 cm.": {"lymphadenopathy": "absent"},
    "A few lymph nodes in the mediastinum, the largest 8 mm.": {"lymphadenopathy": "present"},  # as CT-RATE labels several
    "A lymph node of 1.4 cm in the left hilum.": {"lymphadenopathy": "present"},
    "No lymph node over 10 mm in short axis.": {"lymphadenopathy": "absent"},
    "Lymph nodes are not enlarged.": {"lymphadenopathy": "absent"},
    "Bullae in both apices.": {"emphysema": "present"},
    "Subcutaneous emphysema of the chest wall.": {"emphysema": "unmentioned"},
    "Subsegmental atelectasis at the left base.": {"atelectasis": "present"},
    "A nodule of 5 mm in the right upper lobe.": {"lung_nodule": "present"},
    "Nodule in the left thyroid lobe.": {"lung_nodule": "unmentioned"},
    "Nodular consolidation in the left lower lobe.": {"consolidation": "present", "lung_nodule": "unmentioned"},
    "The nodule, which was seen in the previous examination, was not detected.": {"lung_nodule": "absent"},
    "Lungs are clear.": {"lung_nodule": "absent", "consolidation": "absent", "lung_opacity": "absent"},
    "Ground-glass opacities in both lungs.": {"lung_opacity": "present"},
    "Decreased density of the liver.": {"lung_opacity": "unmentioned"},
    "Pleuroparenchymal sequelae in both apices.": {"pulmonary_fibrotic_sequela": "present"},
    "Sequelae of pyelonephritis in both kidneys.": {"pulmonary_fibrotic_sequela": "unmentioned"},
    "Mosaic attenuation pattern in both lungs (small airway disease?).": {"mosaic_attenuation_pattern": "present"},
    "Bronchial wall thickening in the lower lobes.": {"peribronchial_thickening": "present"},
    "Bronchiectasis is not observed.": {"bronchiectasis": "absent"},
    "Bronchiectasis in the middle lobe.": {"bronchiectasis": "present"},
    "Interlobular septal thickening is observed.": {"interlobular_septal_thickening": "present"},
    "Pleuraergüsse beidseits, kein Perikarderguss.": {"pleural_effusion": "present", "pericardial_effusion": "absent"},
}


@pytest.mark.parametrize("sentence", SAYINGS)
def test_a_sentence(sentence: str) -> None:
    labels = CHEST.label(sentence)
    assert {finding: labels[finding] for finding in SAYINGS[sentence]} == SAYINGS[sentence]


def test_every_finding_is_said() -> None:
    assert {finding for said in SAYINGS.values() for finding, one in said.items() if one == "present"} == set(CHEST.findings.names)
