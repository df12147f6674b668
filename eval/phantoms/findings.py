"""The findings that phantoms have, as data: where they sit, how large they are, what kinds there are."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Side


@dataclass(frozen=True)
class FindingSpec:
    """What may be said of a finding."""

    name: str
    sides: tuple[Side, ...] = ("",)
    places: tuple[str, ...] = ("",)
    size_mm: tuple[float, float] = (0.0, 0.0)
    """Least and greatest; (0, 0) where reports give none."""
    variants: tuple[str, ...] = ("",)


_LOBES = ("upper_lobe", "middle_lobe", "lower_lobe")  # a left middle lobe is the lingula

CHEST: tuple[FindingSpec, ...] = (
    FindingSpec("nodule", ("left", "right"), _LOBES, (6, 28), ("solid", "calcified", "spiculated", "part_solid")),
    FindingSpec("mass", ("left", "right"), _LOBES, (32, 75), ("solid", "cavitating", "spiculated")),
    FindingSpec("consolidation", ("left", "right", "bilateral"), _LOBES, (25, 110), ("lobar", "patchy")),
    FindingSpec(
        "ground_glass_opacity", ("left", "right", "bilateral"), (*_LOBES, "diffuse"), (25, 110), ("patchy", "peripheral", "diffuse")
    ),
    FindingSpec("pleural_effusion", ("left", "right", "bilateral"), ("",), (8, 70), ("free", "loculated")),
    FindingSpec("pneumothorax", ("left", "right"), ("",), (6, 50)),
    FindingSpec("cardiomegaly"),
    FindingSpec("pericardial_effusion", ("",), ("",), (6, 22)),
    FindingSpec("emphysema", ("bilateral",), ("upper_lobe", "diffuse"), (0, 0), ("centrilobular", "paraseptal", "bullous")),
    FindingSpec("coronary_calcification", ("",), ("left_anterior_descending", "right_coronary", "circumflex", "three_vessel")),
    FindingSpec("lymphadenopathy", ("left", "right", "midline"), ("paratracheal", "subcarinal", "hilar", "axillary"), (13, 34)),
    FindingSpec(
        "medical_device",
        ("left", "right", "midline"),
        ("",),
        (0, 0),
        ("pacemaker", "port", "venous_catheter", "endotracheal_tube", "sternal_wires"),
    ),
)

_CEREBRAL = ("frontal", "temporal", "parietal", "occipital")

HEAD: tuple[FindingSpec, ...] = (
    FindingSpec(
        "intraparenchymal", ("left", "right"), (*_CEREBRAL, "basal_ganglia", "thalamus", "cerebellum"), (10, 65), ("acute", "subacute")
    ),
    FindingSpec("subarachnoid", ("left", "right", "bilateral", "midline"), ("sylvian", "basal_cisterns", "convexity"), (0, 0)),
    FindingSpec("intraventricular", ("left", "right", "bilateral"), ("lateral", "third", "fourth"), (0, 0)),
    FindingSpec(
        "subdural", ("left", "right", "bilateral"), ("convexity", "tentorial", "parafalcine"), (4, 24), ("acute", "subacute", "chronic")
    ),
    FindingSpec("epidural", ("left", "right"), ("frontal", "temporal", "parietal"), (6, 38), ("acute",)),
    FindingSpec("midline_shift", ("left", "right"), ("",), (3, 16)),  # the side it is shifted to
    FindingSpec("mass_effect", ("left", "right")),
    FindingSpec("edema", ("left", "right", "bilateral"), (*_CEREBRAL, "basal_ganglia", "diffuse"), (0, 0), ("vasogenic", "diffuse")),
    FindingSpec(
        "infarct", ("left", "right"), ("middle_cerebral", "anterior_cerebral", "posterior_cerebral", "cerebellar", "lacunar"), (8, 90)
    ),
    FindingSpec("fracture", ("left", "right"), ("frontal", "temporal", "parietal", "occipital"), (0, 0), ("linear", "depressed")),
    FindingSpec("hydrocephalus"),
    FindingSpec("pneumocephalus", ("left", "right", "midline"), ("frontal", "temporal", "basal"), (0, 0)),
)

HEMORRHAGES = ("intraparenchymal", "subarachnoid", "intraventricular", "subdural", "epidural")
"""Any of these makes the label `hemorrhage` of a head study."""

CHEST_DISTRACTORS = (
    "vessel_crossing",  # vessels seen end-on like nodules
    "apical_scar",
    "dependent_atelectasis",  # a thin dense band along the back of the lung
    "fissure_thickening",
    "nipple_shadow",
    "beam_hardening",  # streaks from arms or contrast in the veins
    "breathing_motion",
    "calcified_granuloma",  # under 4 mm
    "epicardial_fat",
    "aortic_calcification",
    "small_lymph_nodes",  # under 8 mm
    "costal_calcification",
)
HEAD_DISTRACTORS = (
    "calcified_falx",
    "calcified_choroid",
    "calcified_pineal",
    "calcified_basal_ganglia",
    "beam_hardening",  # dark bands between the petrous bones
    "motion",
    "dense_venous_sinus",
    "atrophy",  # wide sulci and ventricles of age
    "old_lacune",
    "arachnoid_cyst",
    "suture",  # looks like a fracture
    "scalp_swelling",
    "prominent_vessels",
)
