"""The rest of English reports on the head: organs, what is no finding, history, technique."""

from __future__ import annotations

from ..findings import HEMORRHAGES
from .head_en import WORDS
from .words import Lexicon, Organ, Remark

_NORMAL_BRAIN = ("infarct", "edema")
_SUMMARY = (
    Remark("No acute intracranial hemorrhage.", HEMORRHAGES),
    Remark("There is no evidence of acute intracranial hemorrhage.", HEMORRHAGES),
    Remark("No intracranial hemorrhage.", HEMORRHAGES),
    Remark("Negative for intracranial hemorrhage.", HEMORRHAGES),
    Remark("There is no intra- or extra-axial hemorrhage.", HEMORRHAGES),
    Remark("No intracranial bleed is identified.", HEMORRHAGES),
)

HEAD_EN = Lexicon(
    words=WORDS,
    where={
        **{
            place: (f"the {{side}} {place} lobe", f"the {{side}} {place} region", f"the {{side}} {place} white matter")
            for place in ("frontal", "temporal", "parietal", "occipital")
        },
        **{f"{place}/bilateral": (f"both {place} lobes",) for place in ("frontal", "temporal", "parietal", "occipital")},
        "basal_ganglia": ("the {side} basal ganglia", "the {side} basal ganglia", "the region of the {side} basal ganglia"),
        "basal_ganglia/bilateral": ("the basal ganglia on both sides", "both basal ganglia"),
        "thalamus": ("the {side} thalamus",),
        "cerebellum": ("the {side} cerebellar hemisphere", "the {side} cerebellum"),
        "diffuse": ("the {side} cerebral hemisphere", "the {side} hemisphere"),
        "diffuse/bilateral": ("both hemispheres", "both cerebral hemispheres"),
    },
    organs=(
        Organ("Hemorrhage", HEMORRHAGES, _SUMMARY, always=True),
        Organ(
            "Brain",
            ("infarct", "edema"),
            (
                Remark("Gray-white matter differentiation is preserved.", _NORMAL_BRAIN, HEMORRHAGES),
                Remark("No infarct or edema.", _NORMAL_BRAIN),
                Remark("The brain parenchyma is normal in attenuation.", _NORMAL_BRAIN, ("intraparenchymal",)),
                Remark("There is no evidence of acute territorial infarct or cerebral edema.", _NORMAL_BRAIN),
            ),
            (
                Remark(
                    "The posterior fossa is unremarkable.",
                    (),
                    ("infarct", "intraparenchymal", "subdural", "intraventricular", "hydrocephalus"),
                ),
                Remark("The sella is unremarkable."),
                Remark("The orbits are unremarkable."),
                Remark("The craniocervical junction is unremarkable."),
            ),
        ),
        Organ(
            "Ventricles and midline",
            ("midline_shift", "mass_effect", "hydrocephalus"),
            (
                Remark(
                    "Ventricles and sulci are normal; no midline shift or mass effect.", ("hydrocephalus", "midline_shift", "mass_effect")
                ),
                Remark("No mass effect or midline shift.", ("mass_effect", "midline_shift")),
                Remark("The ventricles are normal in size, midline is central.", ("hydrocephalus", "midline_shift"), ("mass_effect",)),
                Remark("There is no hydrocephalus, mass effect or midline shift.", ("hydrocephalus", "mass_effect", "midline_shift")),
            ),
            (Remark("Basal cisterns are patent.", (), ("subarachnoid", "mass_effect", "midline_shift")),),
        ),
        Organ(
            "Bones",
            ("fracture", "pneumocephalus"),
            (
                Remark("The calvarium is intact.", ("fracture",)),
                Remark("No fracture or intracranial air.", ("fracture", "pneumocephalus")),
                Remark("Skull base and calvarium without fracture.", ("fracture",)),
                Remark("Bone windows show no fracture.", ("fracture",)),
            ),
        ),
    ),
    distractors={
        "calcified_falx": (Remark("Calcification of the falx cerebri."), Remark("Calcified falx, physiological.")),
        "calcified_choroid": (Remark("Physiological calcification of the choroid plexus."), Remark("Calcified choroid plexus.")),
        "calcified_pineal": (Remark("Physiological pineal calcification."), Remark("Calcified pineal gland.")),
        "calcified_basal_ganglia": (
            Remark("Punctate calcification of the basal ganglia, physiological."),
            Remark("Symmetric basal ganglia calcification, not hemorrhage.", HEMORRHAGES),
        ),
        "beam_hardening": (
            Remark("Evaluation of the posterior fossa is limited by beam hardening artifact."),
            Remark("Beam hardening between the petrous bones."),
        ),
        "motion": (Remark("Study degraded by motion artifact."), Remark("Motion limits the sensitivity of the study.")),
        "dense_venous_sinus": (
            Remark("Mildly dense venous sinuses, probably due to hematocrit."),
            Remark("Dural venous sinuses appear somewhat dense, a common finding."),
        ),
        "atrophy": (
            Remark("Age-related cerebral volume loss."),
            Remark("Generalized cerebral atrophy with widened sulci."),
            Remark("Parenchymal volume loss with ex vacuo prominence of the ventricles, no hydrocephalus.", ("hydrocephalus",)),
            Remark("Diffuse involutional change.", (), ("hydrocephalus",)),
        ),
        "old_lacune": (
            Remark("Small old lacune in the deep gray matter, chronic."),
            Remark("Old lacunar defect, no acute infarct.", ("infarct",)),
        ),
        "arachnoid_cyst": (Remark("Arachnoid cyst, incidental."), Remark("Small CSF-density arachnoid cyst without significance.")),
        "suture": (
            Remark("Visible cranial sutures, not to be mistaken for fracture.", ("fracture",)),
            Remark("Lucent lines correspond to sutures."),
        ),
        "scalp_swelling": (
            Remark("Scalp soft tissue swelling."),
            Remark("Extracranial soft tissue swelling without underlying fracture.", ("fracture",)),
        ),
        "prominent_vessels": (
            Remark("Vessels of the circle of Willis appear prominent."),
            Remark("Somewhat dense, ectatic basilar artery."),
        ),
    },
    other="Other",
    incidental=(
        (
            "Mucosal thickening of the paranasal sinuses.",
            "Retention cyst of the maxillary sinus.",
            "Mild mucosal thickening of the ethmoid air cells.",
            "Paranasal sinuses and mastoids are clear.",
        ),
        ("The mastoid air cells are well aerated.",),
        ("Status post lens replacement.",),
        ("Leftward deviation of the nasal septum.",),
        (
            "Vascular calcifications of the carotid siphons.",
            "Intracranial atherosclerosis.",
        ),
    ),
    histories={
        "": (
            "Headache.",
            "Altered mental status.",
            "Dizziness.",
            "Syncope.",
            "Rule out intracranial hemorrhage.",
            "Confusion.",
            "Seizure.",
            "Head trauma.",
            "Fall, on anticoagulation.",
            "Follow-up.",
            "Evaluate for bleed.",
        ),
        "intraparenchymal": ("Sudden hemiparesis, hypertensive crisis.", "Decreased level of consciousness."),
        "subarachnoid": ("Thunderclap headache.", "Worst headache of life."),
        "intraventricular": ("Sudden collapse.", "Coma."),
        "subdural": ("Fall one week ago, increasing headache.", "Progressive confusion, anticoagulated."),
        "epidural": ("Head injury with lucid interval.", "Motor vehicle accident."),
        "midline_shift": ("Anisocoria.", "Decreasing level of consciousness."),
        "mass_effect": ("Vomiting and somnolence.",),
        "edema": ("Increasing somnolence.",),
        "infarct": ("Sudden hemiparesis and aphasia, stroke alert.", "Facial droop, last seen well three hours ago."),
        "fracture": ("Assault.", "Fall from height.", "Bicycle accident."),
        "hydrocephalus": ("Gait disturbance.", "Headache and vomiting."),
        "pneumocephalus": ("Status post craniotomy.", "Motor vehicle accident."),
    },
    technique=(
        "CT of the head without contrast.",
        "Noncontrast axial CT of the brain.",
        "Axial images of the head were obtained without intravenous contrast.",
    ),
    technique_contrast=("CT of the head with intravenous contrast.", "Axial CT of the brain following intravenous contrast."),
    exam=("CT of the head", "head CT", "brain CT"),
    reassuring=(
        *_SUMMARY[:4],
        Remark("No midline shift.", ("midline_shift",)),
        Remark("No hydrocephalus.", ("hydrocephalus",)),
        Remark("No skull fracture.", ("fracture",)),
        Remark("No territorial infarct.", ("infarct",)),
    ),
    normal=(
        Remark("No acute intracranial abnormality."),
        Remark("Normal CT of the head."),
        Remark("Unremarkable CT of the head."),
        Remark("No acute intracranial pathology."),
        Remark("No acute intracranial hemorrhage or infarct.", (*HEMORRHAGES, "infarct")),
        Remark("No acute intracranial hemorrhage.", HEMORRHAGES),
        Remark("No evidence of acute hemorrhage, mass effect or fracture.", (*HEMORRHAGES, "mass_effect", "fracture")),
    ),
)
