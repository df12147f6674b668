"""Names of what masks show. A file's name or a segment's label may hold a patient's, so only names that are known are taken."""

from __future__ import annotations

import re
from collections.abc import Collection

from .errors import UsageError

UNNAMED = "mask"
"""Of a mask that does not say of what."""
_LONGEST = 64
_WORDS = re.compile(r"[^a-z0-9]+")

_SIDED = ("lung", "kidney", "adrenal_gland", "atelectasis", "hip", "femur", "humerus", "scapula", "clavicula", "hemisphere", "breast")
_SIDED += ("pleural_effusion", "pneumothorax")
_WHOLE = """
    body head brain skull bone bones lung lungs airway airways trachea bronchus heart pericardium aorta pulmonary_artery pulmonary_vein
    esophagus thyroid thymus mediastinum liver spleen pancreas gallbladder stomach duodenum bowel small_bowel colon kidney kidneys
    adrenal_gland urinary_bladder prostate uterus spine vertebra vertebrae sacrum rib ribs sternum muscle fat skin spinal_cord eye eyes
    ventricles brain_ventricles cerebellum brainstem midline tooth teeth vessel vessels lung_upper_lobe_left lung_lower_lobe_left
    lung_upper_lobe_right lung_middle_lobe_right lung_lower_lobe_right mask lesion lesions tumor tumour mass nodule nodules cyst
    metastasis lymph_node lymph_nodes lymphadenopathy roi foreground emphysema ground_glass_opacity consolidation infection opacity
    atelectasis fibrosis bronchiectasis bulla pleural_effusion pneumothorax pleural_thickening cardiomegaly pericardial_effusion
    coronary_calcification calcification hiatal_hernia medical_device aneurysm dissection embolism pulmonary_embolism fracture
    rib_fracture hemorrhage haemorrhage any bleed intraparenchymal intraventricular subarachnoid subdural epidural edema infarct
    ischemia hydrocephalus midline_shift mass_effect pneumocephalus thrombus
"""
KNOWN = frozenset(_WHOLE.split()) | {one for name in _SIDED for side in ("left", "right") for one in (f"{name}_{side}", f"{side}_{name}")}


def slug(name: str) -> str:
    """Lower case, with underscores between words."""
    return _WORDS.sub("_", name.lower()).strip("_")


def declared(names: Collection[str]) -> dict[str, str]:
    """From `NAME` and `THEIRS=OURS` of the user: slugs of what masks are called, to findings.

    Raises:
        UsageError: one is empty or too long.
    """
    found: dict[str, str] = {}
    for entry in names:
        theirs, equals, ours = entry.partition("=")
        name, finding = slug(theirs), slug(ours if equals else theirs)
        if not name or not finding or len(finding) > _LONGEST:
            raise UsageError(f"--mask-finding {entry!r}: expected NAME or THEIRS=OURS, such as nodule or GTV-1=tumor")
        found[name] = finding
    return found


def finding_of(name: str, said: dict[str, str], known: Collection[str]) -> str | None:
    """The finding that a name stands for; None where nobody said that it is one."""
    short = slug(name)
    if short in said:
        return said[short]
    return short if short in KNOWN or short in known else None
