"""What sentences say, by the rules of language: denial, doubt, the past, and how far each reaches."""

from __future__ import annotations

import pytest

from scanbank.eval.labels import RuleLabeler, finding_set

CXR = RuleLabeler(finding_set("cxr14"))
CHEXPERT = RuleLabeler(finding_set("chexpert14"))

SAYINGS = {
    # denial before
    "No pneumothorax.": {"pneumothorax": "absent"},
    "There is no evidence of pleural effusion.": {"effusion": "absent"},
    "No effusion, pneumothorax, or focal consolidation.": {"effusion": "absent", "pneumothorax": "absent", "consolidation": "absent"},
    "No pneumothorax, effusion and nodule were seen.": {"pneumothorax": "absent", "effusion": "absent", "nodule": "absent"},
    "The lungs are clear without consolidation, edema or pneumothorax.": {
        "consolidation": "absent",
        "edema": "absent",
        "pneumothorax": "absent",
    },
    "Negative for pneumothorax or effusion.": {"pneumothorax": "absent", "effusion": "absent"},
    "The lungs are free of focal consolidation.": {"consolidation": "absent"},
    "Absence of edema.": {"edema": "absent"},
    "Neither effusion nor pneumothorax.": {"effusion": "absent", "pneumothorax": "absent"},
    "The film does not show atelectasis.": {"atelectasis": "absent"},
    "Interval resolution of the left effusion.": {"effusion": "absent"},
    "No suspicious nodule.": {"nodule": "absent"},
    # denial after
    "Pneumothorax was not observed.": {"pneumothorax": "absent"},
    "Effusion, pneumothorax and consolidation are not seen.": {"effusion": "absent", "pneumothorax": "absent", "consolidation": "absent"},
    "Pleural effusion-thickening was not detected.": {"effusion": "absent"},
    "The right pneumothorax has resolved.": {"pneumothorax": "absent"},
    "The previously described nodule is no longer seen.": {"nodule": "absent"},
    "Pneumonia is unlikely.": {"pneumonia": "absent"},
    "Pneumothorax: none.": {"pneumothorax": "absent"},
    "Effusion: No": {"effusion": "absent"},
    "Resolved pneumothorax.": {"pneumothorax": "absent"},
    "No longer seen is the right pneumothorax.": {"pneumothorax": "absent"},
    # the reach of a denial ends
    "Evacuation of the empyema with small residual effusion.": {"effusion": "present"},
    "Atelectasis without effusion, with cardiomegaly.": {"atelectasis": "present", "effusion": "absent", "cardiomegaly": "present"},
    "There was no pneumothorax on the prior exam; there is now a small pneumothorax.": {"pneumothorax": "present"},
    "No pneumothorax, but there is a small effusion.": {"pneumothorax": "absent", "effusion": "present"},
    "Cardiomegaly without overt edema.": {"cardiomegaly": "present", "edema": "absent"},
    "No pneumothorax; moderate effusion.": {"pneumothorax": "absent", "effusion": "present"},
    "No effusion, heart is enlarged.": {"effusion": "absent", "cardiomegaly": "present"},
    "Effusion is seen on the left, pneumothorax was not seen.": {"effusion": "present", "pneumothorax": "absent"},
    "There is a nodule in the left lung and no effusion was seen.": {"nodule": "present", "effusion": "absent"},
    "The base cannot be assessed due to effusion.": {"effusion": "present"},
    "No pneumothorax apart from a small apical effusion.": {"pneumothorax": "absent", "effusion": "present"},
    "No consolidation; however, atelectasis is present.": {"consolidation": "absent", "atelectasis": "present"},
    "The nodule, which was seen in the previous examination, was not detected.": {"nodule": "absent"},
    "A nodule which was not seen in the previous examination is present.": {"nodule": "present"},
    # what looks like a denial and is none
    "No significant change in the right pneumothorax.": {"pneumothorax": "present"},
    "No increase in the size of the nodule.": {"nodule": "present"},
    "Not only effusion, atelectasis too.": {"effusion": "present", "atelectasis": "present"},
    "Effusion without significant interval change.": {"effusion": "present"},
    "No change in moderate edema.": {"edema": "present"},
    "The effusion has not resolved.": {"effusion": "present"},
    "The effusion is not significantly changed.": {"effusion": "present"},
    # doubt
    "Possible pneumonia.": {"pneumonia": "uncertain"},
    "Opacity that may represent atelectasis or pneumonia.": {"atelectasis": "uncertain", "pneumonia": "uncertain"},
    "Pneumonia cannot be excluded.": {"pneumonia": "uncertain"},
    "Cannot exclude pneumonia.": {"pneumonia": "uncertain"},
    "It is not possible to exclude pneumonia.": {"pneumonia": "uncertain"},
    "A small pneumothorax is not excluded.": {"pneumothorax": "uncertain"},
    "Findings suspicious for pneumonia.": {"pneumonia": "uncertain"},
    "Differential diagnosis includes pneumonia.": {"pneumonia": "uncertain"},
    "Opacity at the base (pneumonia?).": {"pneumonia": "uncertain"},
    "Opacity (atelectasis?, pneumonia?).": {"atelectasis": "uncertain", "pneumonia": "uncertain"},
    "Small effusion with opacity (pneumonia?).": {"effusion": "present", "pneumonia": "uncertain"},
    "Pneumonia is in the differential diagnosis.": {"pneumonia": "uncertain"},
    "Questionable nodule in the right lung.": {"nodule": "uncertain"},
    # said, whatever stands around it
    "Stable small effusion.": {"effusion": "present"},
    "Opacity compatible with pneumonia.": {"pneumonia": "present"},
    "Findings were evaluated in favor of pneumonia.": {"pneumonia": "present"},
    "Suspicious nodule in the left lung.": {"nodule": "present"},
    "Pneumothorax is again seen, larger than on the previous radiograph.": {"pneumothorax": "present"},
    "Effusion: small, left.": {"effusion": "present"},
    # asked for, past, advised
    "Rule out pneumothorax.": {"pneumothorax": "unmentioned"},
    "Indication: rule out pneumonia.": {"pneumonia": "unmentioned"},
    "Clinical history: pneumothorax.": {"pneumothorax": "unmentioned"},
    "History of pneumonia.": {"pneumonia": "unmentioned"},
    "CT is recommended to exclude a nodule.": {"nodule": "unmentioned"},
    "If pneumonia is suspected clinically, repeat the film.": {"pneumonia": "unmentioned"},
    # words of a finding that are none
    "Subcutaneous emphysema of the neck.": {"emphysema": "unmentioned"},
    "Pericardial effusion.": {"effusion": "unmentioned"},
    "Mild mass effect on the trachea.": {"mass": "unmentioned"},
    "Thyroid nodule.": {"nodule": "unmentioned"},
    # the heart
    "Heart size is normal.": {"cardiomegaly": "absent"},
    "The heart is not enlarged.": {"cardiomegaly": "absent"},
    "The cardiac silhouette is mildly enlarged.": {"cardiomegaly": "present"},
    "Cardiothoracic ratio is 0.58.": {"cardiomegaly": "present"},
    "Cardiothoracic ratio 45 %.": {"cardiomegaly": "absent"},
    # other languages: denials and doubts of German are known, and nothing breaks
    "Kein Pneumothorax.": {"pneumothorax": "absent"},
    "Pneumothorax nicht ausgeschlossen.": {"pneumothorax": "uncertain"},
    "Ohne Nachweis eines Pneumothorax.": {"pneumothorax": "absent"},
    "气胸。": {"pneumothorax": "unmentioned"},
}


@pytest.mark.parametrize("sentence", SAYINGS)
def test_a_sentence(sentence: str) -> None:
    labels = CXR.label(sentence)
    assert {finding: labels[finding] for finding in SAYINGS[sentence]} == SAYINGS[sentence]


@pytest.mark.parametrize(
    "sentence",
    [
        "Probable pneumonia.",
        "Likely pneumonia.",
        "Pneumonia is likely.",
        "Pneumonia versus atelectasis.",
        "Opacity favored to be pneumonia.",
    ],
)
def test_what_is_probable_is_what_the_set_says(sentence: str) -> None:
    """The gold labels of cxr14 count it, CheXpert's labeler does not."""
    assert CXR.label(sentence)["pneumonia"] == "present"
    assert CHEXPERT.label(sentence)["pneumonia"] == "uncertain"
    assert CXR.label(f"No {sentence.lower()}")["pneumonia"] == "absent"


def test_a_report_is_more_than_its_sentences() -> None:
    """Present goes before uncertain, uncertain before absent; the impression decides what the findings doubt."""
    labels = CXR.label("No effusion. Possible effusion.")
    assert labels["effusion"] == "uncertain"
    assert CXR.label("Possible effusion. Small left effusion. No effusion on the right.")["effusion"] == "present"
    doubted = "FINDINGS:\nPossible pneumonia in the left lower lobe.\n\nIMPRESSION:\n{}"
    assert CXR.label(doubted.format("No pneumonia."))["pneumonia"] == "absent"
    assert CXR.label(doubted.format("Cannot exclude pneumonia."))["pneumonia"] == "uncertain"
    assert CXR.label(doubted.format("No effusion."))["pneumonia"] == "uncertain"


def test_sections_of_before_and_why_label_nothing() -> None:
    report = "HISTORY: pneumothorax.\nCOMPARISON: CT of 2020 with effusion.\nFINDINGS: Lungs are clear.\nIMPRESSION: No pneumonia."
    labels = CXR.label(report)
    assert (labels["pneumothorax"], labels["effusion"], labels["pneumonia"]) == ("unmentioned", "unmentioned", "absent")


def test_what_is_said_can_be_traced() -> None:
    told = list(CXR.explain("Heart size is normal.\nSmall left pleural effusion."))
    assert [(one.finding, one.status, one.words, one.sentence) for one in told] == [
        ("cardiomegaly", "absent", "heart size is normal", "Heart size is normal."),
        ("effusion", "present", "pleural effusion", "Small left pleural effusion."),
    ]
