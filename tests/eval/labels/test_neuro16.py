"""The sixteen neuro-trauma findings: said, denied and doubted, and what is none of them."""

from __future__ import annotations

import pytest

from scanbank.eval.labels import RuleLabeler, finding_set

NEURO = RuleLabeler(finding_set("neuro16"))

SAYINGS = {
    "Acute subdural hematoma along the left convexity measuring 9 mm.": {"hemorrhage": "present"},
    "SAH in the basal cisterns with intraventricular extension.": {"hemorrhage": "present"},
    "No acute intracranial hemorrhage.": {"hemorrhage": "absent"},
    "No intra- or extra-axial hemorrhage.": {"hemorrhage": "absent"},
    "Possible small epidural hematoma.": {"hemorrhage": "uncertain"},
    "The hemorrhage seen previously has resolved.": {"hemorrhage": "absent"},
    "Large frontal scalp hematoma without underlying skull fracture.": {"hemorrhage": "unmentioned", "skull_fracture": "absent"},
    "Old lacunar infarct in the left basal ganglia.": {"infarct": "present"},
    "Loss of gray-white differentiation in the left MCA territory consistent with acute infarct.": {"infarct": "present"},
    "No CT evidence of acute territorial infarction.": {"infarct": "absent"},
    "Acute infarct cannot be excluded.": {"infarct": "uncertain"},
    "History of stroke.": {"infarct": "unmentioned"},
    "Chronic small vessel ischemic changes.": {"infarct": "unmentioned"},
    "Meningioma of the left convexity, unchanged.": {"mass_lesion": "present"},
    "No intracranial mass.": {"mass_lesion": "absent"},
    "No mass effect.": {"mass_effect": "absent", "mass_lesion": "unmentioned"},
    "There is no mass, mass effect, or midline shift.": {"mass_lesion": "absent", "mass_effect": "absent", "midline_shift": "absent"},
    "Effacement of the left lateral ventricle.": {"mass_effect": "present"},
    "Ventricles are enlarged out of proportion to the sulci, consistent with hydrocephalus.": {"hydrocephalus": "present"},
    "The ventricles are normal in size.": {"hydrocephalus": "absent"},
    "The ventricles are not dilated.": {"hydrocephalus": "absent"},
    "Ventricles and sulci are prominent, consistent with atrophy.": {"hydrocephalus": "unmentioned"},
    "5 mm of rightward midline shift.": {"midline_shift": "present"},
    "Septum pellucidum is deviated 4 mm to the right.": {"midline_shift": "present"},
    "Midline structures are not shifted.": {"midline_shift": "absent"},
    "The midline is maintained.": {"midline_shift": "absent"},
    "Leftward deviation of the nasal septum.": {"midline_shift": "unmentioned"},
    "Nondisplaced fracture of the left temporal bone.": {"skull_fracture": "present"},
    "Calvarium is intact.": {"skull_fracture": "absent"},
    "Nasal bone fracture.": {"skull_fracture": "unmentioned"},
    "Bifrontal hemorrhagic contusions.": {"cerebral_hemorrhagic_contusion": "present", "hemorrhage": "present"},
    "No contusion.": {"cerebral_hemorrhagic_contusion": "absent", "hemorrhage": "unmentioned"},
    "Scalp contusion.": {"cerebral_hemorrhagic_contusion": "unmentioned"},
    "Diffuse cerebral edema with effacement of the sulci.": {
        "diffuse_cerebral_edema": "present",
        "generalized_cerebral_edema": "present",
        "mass_effect": "present",
    },
    "No diffuse brain swelling.": {"diffuse_cerebral_edema": "absent", "generalized_cerebral_edema": "absent"},
    "Generalized cerebral edema.": {"generalized_cerebral_edema": "present"},
    "Vasogenic edema around the metastasis.": {"diffuse_cerebral_edema": "unmentioned", "mass_lesion": "present"},
    "Scattered punctate foci of hemorrhage at the gray-white junction, concerning for diffuse axonal injury.": {
        "microhemorrhage": "present",
        "hemorrhage": "present",
        "diffuse_axonal_injury": "uncertain",
    },
    "No microhemorrhages.": {"microhemorrhage": "absent", "hemorrhage": "unmentioned"},
    "Findings of diffuse axonal injury.": {"diffuse_axonal_injury": "present"},
    "No evidence of DAI.": {"diffuse_axonal_injury": "absent"},
    "Small foci of pneumocephalus adjacent to the fracture.": {"pneumocephalus": "present", "skull_fracture": "present"},
    "Intracranial air along the frontal convexity.": {"pneumocephalus": "present"},
    "Pneumocephalus: none.": {"pneumocephalus": "absent"},
    "Subfalcine herniation with 12 mm leftward shift.": {"brain_herniation": "present", "midline_shift": "present"},
    "No uncal or tonsillar herniation.": {"brain_herniation": "absent"},
    "Disc herniation at C5-6.": {"brain_herniation": "unmentioned"},
    "Hyperdense left MCA sign.": {"arterial_hyperdensity": "present"},
    "No hyperdense vessel sign.": {"arterial_hyperdensity": "absent"},
    "Hyperdense basilar artery (thrombus?).": {"arterial_hyperdensity": "present"},
    "Hyperdensity of the left transverse sinus, suspicious for thrombosis.": {"venous_sinus_hyperdensity": "present"},
    "The dural venous sinuses are not hyperdense.": {"venous_sinus_hyperdensity": "absent"},
    "Hemorrhage: There is no intracranial bleed. Fracture: none.": {"hemorrhage": "absent", "skull_fracture": "absent"},
    "Indication: fall, rule out hemorrhage. Normal head CT.": {"hemorrhage": "unmentioned"},
    "Kein Nachweis einer intrakraniellen Blutung.": {"hemorrhage": "absent"},
}


@pytest.mark.parametrize("sentence", SAYINGS)
def test_a_sentence(sentence: str) -> None:
    labels = NEURO.label(sentence)
    assert {finding: labels[finding] for finding in SAYINGS[sentence]} == SAYINGS[sentence]


def test_every_finding_is_said_and_denied() -> None:
    for status in ("present", "absent"):
        assert {finding for said in SAYINGS.values() for finding, one in said.items() if one == status} == set(NEURO.findings.names)
