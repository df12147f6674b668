"""The rest of English reports on the chest: organs, what is no finding, history, technique."""

from __future__ import annotations

from .chest_en import WORDS
from .words import Lexicon, Organ, Remark

_LUNGS = ("consolidation", "ground_glass_opacity", "nodule", "mass")

CHEST_EN = Lexicon(
    words=WORDS,
    where={
        "upper_lobe": ("the {side} upper lobe", "the {side} upper lobe", "the upper lobe of the {side} lung"),
        "upper_lobe/right": ("the right upper lobe", "the right upper lobe", "the RUL"),
        "upper_lobe/left": ("the left upper lobe", "the left upper lobe", "the LUL"),
        "upper_lobe/bilateral": ("both upper lobes", "the upper lobes"),
        "middle_lobe/right": ("the right middle lobe", "the middle lobe", "the RML"),
        "middle_lobe/left": ("the lingula", "the lingula of the left lung", "the lingular segment of the left upper lobe"),
        "middle_lobe/bilateral": ("the middle lobe and lingula", "the right middle lobe and the lingula"),
        "lower_lobe": ("the {side} lower lobe", "the {side} lower lobe", "the lower lobe of the {side} lung"),
        "lower_lobe/bilateral": ("both lower lobes", "the lower lobes"),
        "diffuse": ("the {side} lung", "the {side} lung throughout"),
        "diffuse/bilateral": ("both lungs", "all lobes of both lungs"),
    },
    organs=(
        Organ(
            "Lungs",
            ("nodule", "mass", "consolidation", "ground_glass_opacity", "emphysema"),
            (
                Remark("The lungs are clear.", _LUNGS, ("emphysema",)),
                Remark("Lungs are clear without consolidation, nodule or mass.", _LUNGS, ("emphysema",)),
                Remark("Clear lungs.", _LUNGS, ("emphysema",)),
                Remark("Aeration of both lungs is normal, and no mass or infiltrative lesion was detected.", _LUNGS, ("emphysema",)),
                Remark("The lung parenchyma is unremarkable.", (*_LUNGS, "emphysema")),
                Remark("No focal airspace opacity or suspicious nodule.", _LUNGS),
            ),
            (
                Remark("The trachea and both main bronchi are patent."),
                Remark("Central airways are patent."),
                Remark("The airways are unremarkable."),
                Remark("The tracheobronchial tree is clear to the segmental level."),
            ),
        ),
        Organ(
            "Pleura",
            ("pleural_effusion", "pneumothorax"),
            (
                Remark("No pleural effusion or pneumothorax.", ("pleural_effusion", "pneumothorax")),
                Remark("The pleural spaces are clear.", ("pleural_effusion", "pneumothorax")),
                Remark("There is no pneumothorax and no pleural effusion.", ("pneumothorax", "pleural_effusion")),
                Remark("No effusion, no pneumothorax.", ("pleural_effusion", "pneumothorax")),
            ),
        ),
        Organ(
            "Heart",
            ("cardiomegaly", "pericardial_effusion", "coronary_calcification"),
            (
                Remark("Heart size is normal without pericardial effusion.", ("cardiomegaly", "pericardial_effusion")),
                Remark(
                    "The heart and pericardium are unremarkable.", ("cardiomegaly", "pericardial_effusion"), ("coronary_calcification",)
                ),
                Remark("Heart is normal in size.", ("cardiomegaly",)),
                Remark(
                    "The heart is not enlarged, and there is no pericardial fluid.",
                    ("cardiomegaly", "pericardial_effusion"),
                ),
            ),
            (
                Remark("The thoracic aorta is normal in caliber."),
                Remark("Great vessels are normal in course and caliber."),
                Remark("The main pulmonary artery is not dilated."),
            ),
        ),
        Organ(
            "Mediastinum",
            ("lymphadenopathy",),
            (
                Remark("The mediastinum and hila are unremarkable.", ("lymphadenopathy",), ("mass",)),
                Remark("No mediastinal, hilar or axillary lymphadenopathy.", ("lymphadenopathy",)),
            ),
            (
                Remark("The esophagus is unremarkable."),
                Remark("The thyroid is unremarkable."),
                Remark("The mediastinum is in the midline."),
            ),
        ),
        Organ("Lines and devices", ("medical_device",), ()),
    ),
    distractors={
        "vessel_crossing": (Remark("Rounded densities in the periphery correspond to vessels seen end-on."),),
        "apical_scar": (
            Remark("Biapical pleuroparenchymal scarring."),
            Remark("Mild apical scarring."),
            Remark("Fibrotic strands at the lung apices, of no acute significance."),
        ),
        "dependent_atelectasis": (
            Remark("Dependent atelectasis at the bases."),
            Remark("Mild dependent hypoventilatory change."),
            Remark("Minimal bibasilar dependent atelectasis."),
        ),
        "fissure_thickening": (Remark("Minor thickening of the fissure."), Remark("Slight fissural thickening.")),
        "nipple_shadow": (Remark("A small density of the anterior chest wall corresponds to the nipple."),),
        "beam_hardening": (
            Remark("Image quality is degraded by beam hardening artifact."),
            Remark("Streak artifact through the upper thorax."),
        ),
        "breathing_motion": (
            Remark("Respiratory motion limits evaluation of the lung bases."),
            Remark("The study is degraded by breathing motion."),
        ),
        "calcified_granuloma": (
            Remark("Tiny calcified granuloma, benign."),
            Remark("Punctate calcified granuloma, a sequela of prior granulomatous disease."),
        ),
        "epicardial_fat": (Remark("Prominent epicardial fat."), Remark("Prominent cardiophrenic fat pad.")),
        "aortic_calcification": (
            Remark("Atherosclerotic calcification of the thoracic aorta."),
            Remark("Calcified plaques in the aortic wall."),
            Remark("Aortic atherosclerosis."),
        ),
        "small_lymph_nodes": (
            Remark("Small mediastinal lymph nodes, none enlarged.", ("lymphadenopathy",)),
            Remark("Subcentimeter mediastinal nodes, not pathological by size.", ("lymphadenopathy",)),
            Remark("A few nodes under 8 mm in short axis without lymphadenopathy.", ("lymphadenopathy",)),
        ),
        "costal_calcification": (Remark("Calcified costal cartilage."), Remark("Degenerative calcification of the costal cartilages.")),
    },
    other="Other",
    incidental=(
        (
            "Degenerative changes of the thoracic spine.",
            "Multilevel degenerative disc disease.",
            "Mild dextroconvex scoliosis.",
        ),
        (
            "No destructive osseous lesion.",
            "Visualized osseous structures show no aggressive lesion.",
            "Old healed rib deformity.",
        ),
        (
            "Small simple hepatic cyst.",
            "Subcentimeter hypodensity in the liver, too small to characterize.",
            "Cholelithiasis without evidence of cholecystitis.",
            "Gallstones.",
            "Hepatic steatosis.",
            "The visualized upper abdomen is unremarkable.",
            "Simple cyst of the left kidney.",
            "The adrenal glands are unremarkable.",
        ),
        (
            "Hypodense thyroid nodule.",
            "Heterogeneous thyroid gland.",
        ),
        ("Small sliding hiatal hernia.",),
        ("No pleural thickening.",),
    ),
    histories={
        "": (
            "Cough.",
            "Chest pain.",
            "Shortness of breath.",
            "Fever and leukocytosis.",
            "Weight loss.",
            "Preoperative evaluation.",
            "Status post fall.",
            "Rule out pneumonia.",
            "Hemoptysis.",
            "Smoker, screening.",
            "Dyspnea, evaluate for pulmonary embolism.",
            "Follow-up.",
        ),
        "nodule": ("Abnormal chest radiograph.", "Smoker, 40 pack years."),
        "mass": ("Weight loss and hemoptysis.", "Abnormal chest radiograph."),
        "consolidation": ("Fever and productive cough.", "Sepsis, source?"),
        "ground_glass_opacity": ("Fever, dry cough, hypoxia.", "Suspected viral infection."),
        "pleural_effusion": ("Progressive dyspnea.", "Decreased breath sounds at the bases."),
        "pneumothorax": ("Sudden onset of chest pain.", "Status post central line placement."),
        "cardiomegaly": ("Heart failure.", "Leg edema and dyspnea."),
        "emphysema": ("COPD.", "Long-standing smoker with dyspnea."),
        "coronary_calcification": ("Status post myocardial infarction.", "Hypertension and diabetes."),
        "lymphadenopathy": ("Night sweats.", "Lymphoma, staging."),
        "medical_device": ("Intensive care patient.", "Status post cardiac surgery."),
    },
    technique=(
        "CT of the chest without intravenous contrast.",
        "Noncontrast helical CT of the thorax.",
        "Axial images through the chest were obtained without contrast.",
    ),
    technique_contrast=(
        "CT of the chest with intravenous contrast.",
        "Contrast-enhanced CT of the thorax.",
        "Helical CT of the chest after administration of 80 mL of iodinated contrast.",
    ),
    exam=("CT of the chest", "chest CT", "thoracic CT"),
    reassuring=(
        Remark("No pneumothorax.", ("pneumothorax",)),
        Remark("No pleural effusion.", ("pleural_effusion",)),
        Remark("No evidence of pneumonia or consolidation.", ("consolidation",), ("ground_glass_opacity",)),
        Remark("No lymphadenopathy.", ("lymphadenopathy",)),
        Remark("No suspicious nodule or mass.", ("nodule", "mass")),
    ),
    normal=(
        Remark("No acute cardiopulmonary abnormality."),
        Remark("Normal CT of the chest."),
        Remark("Unremarkable CT of the chest."),
        Remark("No acute intrathoracic abnormality."),
        Remark("No evidence of active disease in the thorax."),
        Remark("No acute findings."),
        Remark("Lungs clear, no effusion or pneumothorax.", (*_LUNGS, "pleural_effusion", "pneumothorax")),
    ),
)
