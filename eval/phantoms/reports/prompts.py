"""Common English noun phrases of each finding, for prompts and training texts."""

from __future__ import annotations

from collections.abc import Mapping

_PHRASES: Mapping[str, tuple[str, ...]] = {
    "nodule": ("pulmonary nodule", "lung nodule", "nodule", "nodular opacity"),
    "mass": ("pulmonary mass", "lung mass", "mass", "lung tumor"),
    "consolidation": ("consolidation", "airspace consolidation", "airspace disease", "pneumonic infiltrate"),
    "ground_glass_opacity": ("ground-glass opacity", "ground glass opacity", "GGO", "hazy opacity", "ground-glass attenuation"),
    "pleural_effusion": ("pleural effusion", "effusion", "pleural fluid"),
    "pneumothorax": ("pneumothorax", "air in the pleural space", "collapsed lung"),
    "cardiomegaly": ("cardiomegaly", "enlarged heart", "cardiac enlargement"),
    "pericardial_effusion": ("pericardial effusion", "pericardial fluid"),
    "emphysema": ("emphysema", "pulmonary emphysema", "emphysematous change"),
    "coronary_calcification": ("coronary calcification", "coronary artery calcification", "coronary atherosclerosis"),
    "lymphadenopathy": ("lymphadenopathy", "enlarged lymph nodes", "adenopathy"),
    "medical_device": ("medical device", "pacemaker", "central venous catheter", "endotracheal tube", "implanted port", "sternal wires"),
    "intraparenchymal": ("intraparenchymal hemorrhage", "intracerebral hematoma", "parenchymal hemorrhage", "IPH"),
    "subarachnoid": ("subarachnoid hemorrhage", "subarachnoid blood", "SAH"),
    "intraventricular": ("intraventricular hemorrhage", "blood in the ventricles", "IVH"),
    "subdural": ("subdural hematoma", "subdural hemorrhage", "SDH"),
    "epidural": ("epidural hematoma", "extradural hematoma", "EDH"),
    "hemorrhage": ("intracranial hemorrhage", "intracranial bleeding", "acute hemorrhage"),
    "midline_shift": ("midline shift", "shift of midline structures"),
    "mass_effect": ("mass effect", "sulcal effacement", "compression of the ventricle"),
    "edema": ("cerebral edema", "brain edema", "edema"),
    "infarct": ("infarct", "ischemic stroke", "cerebral infarction"),
    "fracture": ("skull fracture", "fracture", "calvarial fracture"),
    "hydrocephalus": ("hydrocephalus", "enlarged ventricles", "ventriculomegaly"),
    "pneumocephalus": ("pneumocephalus", "intracranial air", "air in the skull"),
}


def phrases(finding: str) -> tuple[str, ...]:
    """Noun phrases for a finding of either cohort, or for the label `hemorrhage`; the canonical one first.

    Raises:
        KeyError: no cohort has this finding.
    """
    return _PHRASES[finding]
