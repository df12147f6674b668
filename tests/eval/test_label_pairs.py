"""Labels of two sources side by side, whatever level each speaks of."""

from __future__ import annotations

import numpy as np
import pytest

from eval_banks import add_labels, add_volumes
from scanbank.eval.label_pairs import LabelPairs, paired_labels, slug
from scanbank.eval.label_policy import RANKED_STATUSES
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError


def told(pairs: LabelPairs) -> list[tuple[str, str, str]]:
    """(patient, first, second), sorted."""
    return sorted(
        (patient, RANKED_STATUSES[one], RANKED_STATUSES[other])
        for patient, one, other in zip(pairs.patients.tolist(), pairs.first.tolist(), pairs.second.tolist(), strict=True)
    )


def only(bank: Bank, *args: object, **options: object) -> LabelPairs:
    (pairs,) = paired_labels(bank, "a", "b", *args, **options).pairs  # pyright: ignore[reportArgumentType]
    return pairs


def add_reports(bank: Bank, studies: dict[str, str]) -> None:
    """Studies that are a report alone."""
    with bank.commit("studies") as commit:
        commit.append("studies", [{"study": study, "patient": patient} for study, patient in studies.items()])
    bank.refresh()


def test_studies_with_and_without_scans_are_paired(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2"])
    add_reports(bank, {"r0": "p9", "r1": "p9", "r2": "p8"})
    add_labels(bank, "bleed", {"s0": "1", "s1": "?", "r0": "1", "r1": "0"}, level="study", source="a")
    add_labels(bank, "bleed", {"s0": "0", "s1": "1", "s2": "1", "r0": "1", "r1": "-", "r2": "0"}, level="study", source="b")
    found = paired_labels(bank, "a", "b")
    assert found.unit == "study"
    assert found.remarks == ()
    (pairs,) = found.pairs
    expected = [("p0", "present", "absent"), ("p1", "uncertain", "present"), ("p9", "absent", "unmentioned"), ("p9", "present", "present")]
    assert told(pairs) == expected
    assert (pairs.only_first, pairs.only_second) == (0, 2)


def test_studies_alone_are_paired_as_they_are_beside_labels_of_scans(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1", "p2"], studies=["s0", "s0", "s1", "s2"])
    add_reports(bank, {"r0": "p1", "r1": "p9"})
    for source, statuses in (("a", "10?-1"), ("b", "1101-")):
        add_labels(bank, "bleed", dict(zip(("s0", "s1", "s2", "r0", "r1"), statuses, strict=True)), level="study", source=source)
    direct = told(only(bank))
    add_labels(bank, "bleed", {"p7": "1"}, level="patient", source="a")  # of nobody: but now labels are spread
    assert told(only(bank, unit="study")) == direct
    assert len(direct) == 5


def test_the_latest_label_counts(bank: Bank) -> None:
    add_volumes(bank, ["p0"])
    for status in "01":
        add_labels(bank, "bleed", {"v0": status}, source="a")
    add_labels(bank, "bleed", {"v0": "0"}, source="b")
    assert told(only(bank)) == [("p0", "present", "absent")]


def test_a_study_has_what_any_of_its_scans_has(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1", "p1", "p2", "p2"], studies=["s0", "s0", "s1", "s1", "s2", "s2"])
    add_labels(bank, "bleed", {"v0": "0", "v1": "1", "v2": "0", "v3": "?", "v4": "0", "v5": "-"}, source="a")
    add_labels(bank, "bleed", {"s0": "1", "s1": "0", "s2": "0"}, level="study", source="b")
    found = paired_labels(bank, "a", "b")
    assert found.unit == "study"
    assert found.remarks == ("what a says of each volume is taken for the study: the status that says most, present where any is",)
    assert told(found.pairs[0]) == [("p0", "present", "present"), ("p1", "uncertain", "absent"), ("p2", "absent", "absent")]


def test_what_is_said_of_the_study_itself_goes_before_what_is_said_of_its_parts(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0"], studies=["s0", "s0"])
    add_labels(bank, "bleed", {"s0": "0"}, level="study", source="a")
    add_labels(bank, "bleed", {"v0": "1"}, source="a")
    add_labels(bank, "bleed", {"s0": "0"}, level="study", source="b")
    assert told(only(bank, unit="study")) == [("p0", "absent", "absent")]


def test_scans_are_compared_by_primary_series_where_both_label_scans(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1"], studies=["s0", "s0", "s1"])  # v0 is thinner than v1
    add_labels(bank, "bleed", {"v0": "1", "v1": "0", "v2": "0"}, source="a")
    add_labels(bank, "bleed", {"e0": "1", "e1": "1", "e2": "1"}, level="series", source="b")
    found = paired_labels(bank, "a", "b")
    assert found.unit == "volume"
    assert told(found.pairs[0]) == [("p0", "present", "present"), ("p1", "absent", "present")]


def test_slices_are_lifted_to_scans_and_compared_alone_on_request(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1"])
    slices = {"v0s0": "0", "v0s1": "1", "v0s2": "0", "v1s0": "0", "v1s1": "0", "v1s2": "0"}
    add_labels(bank, "bleed", slices, level="slice", source="a")
    add_labels(bank, "bleed", {"v0": "1", "v1": "1"}, source="b")
    assert told(only(bank)) == [("p0", "present", "present"), ("p1", "absent", "present")]
    with pytest.raises(UsageError, match="source 'b' says nothing of single slices, only of each volume"):
        paired_labels(bank, "a", "b", unit="slice")
    add_labels(bank, "bleed", {**slices, "v0s0": "1"}, level="slice", source="c")
    found = paired_labels(bank, "a", "c")
    assert found.unit == "slice"
    both = sorted(zip(found.pairs[0].first.tolist(), found.pairs[0].second.tolist(), strict=True))
    assert both == [(1, 1), (1, 1), (1, 1), (1, 1), (1, 3), (3, 3)]


def test_patients_are_the_coarsest(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p0", "p1"])
    add_reports(bank, {"r0": "p7"})
    add_labels(bank, "bleed", {"p0": "1", "p1": "0", "p7": "1"}, level="patient", source="a")
    add_labels(bank, "bleed", {"s0": "0", "s1": "1", "s2": "1", "r0": "0"}, level="study", source="b")
    found = paired_labels(bank, "a", "b")
    assert found.unit == "patient"
    assert told(found.pairs[0]) == [("p0", "present", "present"), ("p1", "absent", "present"), ("p7", "present", "absent")]
    # asked for studies, what is said of a patient is said of each
    by_study = told(only(bank, unit="study"))
    assert by_study == [
        ("p0", "present", "absent"),
        ("p0", "present", "present"),
        ("p1", "absent", "present"),
        ("p7", "present", "absent"),
    ]


def test_findings_are_one_whatever_their_case_and_blanks(bank: Bank) -> None:
    add_volumes(bank, ["p0"])
    add_labels(bank, "Lung nodule", {"v0": "1"}, source="a")
    add_labels(bank, "lung_nodule", {"v0": "1"}, source="b")
    for asked in ((), ("all",), ("lung_nodule",), ("Lung nodule",), ("LUNG-NODULE",)):
        pairs = only(bank, asked)
        assert (pairs.finding, pairs.second_finding) == ("Lung nodule", "lung_nodule")
    assert slug(" Mosaic--attenuation (pattern) ") == "mosaic_attenuation_pattern"
    add_labels(bank, "Lung_Nodule", {"v0": "0"}, source="b")
    with pytest.raises(UsageError, match="finding 'Lung nodule' may be any of Lung_Nodule, lung_nodule of b"):
        paired_labels(bank, "a", "b")


def test_a_class_is_one_against_the_others(bank: Bank) -> None:
    add_volumes(bank, ["p0", "p1", "p2"])
    add_labels(bank, "grade", {"v0": "=low", "v1": "=high", "v2": "=low"}, source="a")
    add_labels(bank, "grade", {"v0": "=low", "v1": "=low", "v2": "=high"}, source="b")
    found = paired_labels(bank, "a", "b")
    assert [pairs.finding for pairs in found.pairs] == ["grade=high", "grade=low"]
    assert told(found.pairs[1]) == [("p0", "present", "present"), ("p1", "absent", "present"), ("p2", "present", "absent")]


def test_names_with_commas_and_quotes(bank: Bank) -> None:
    add_volumes(bank, ["p0"])
    for finding in ("bleed, old", "o'brien", "mass"):
        for source in "ab":
            add_labels(bank, finding, {"v0": "1"}, source=source)
    assert [pairs.finding for pairs in paired_labels(bank, "a", "b", ["bleed, old", "mass, o'brien"]).pairs] == [
        "bleed, old",
        "mass",
        "o'brien",
    ]


def test_a_source_is_known_by_its_beginning(bank: Bank) -> None:
    add_volumes(bank, ["p0"])
    for source in ("table", "rules:chest18@1", "llm:m@1", "llm:n@1", "rulesets:x"):
        add_labels(bank, "bleed", {"v0": "1"}, source=source)
    found = paired_labels(bank, "table", "rules")
    assert (found.first, found.second) == ("table", "rules:chest18@1")
    assert paired_labels(bank, "table", "llm:n@1").second == "llm:n@1"
    assert paired_labels(bank, "table", "llm:n").second == "llm:n@1"
    with pytest.raises(UsageError, match="source 'llm' may be any of llm:m@1, llm:n@1; name one of them"):
        paired_labels(bank, "table", "llm")
    with pytest.raises(UnknownNameError, match="source of labels 'rule' is unknown"):
        paired_labels(bank, "table", "rule")


def test_mistakes_are_told(bank: Bank) -> None:
    with pytest.raises(UnknownNameError, match="The bank has no labels yet"):
        paired_labels(bank, "a", "b")
    add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "bleed", {"v0": "1"}, source="a")
    add_labels(bank, "bleed", {"v1": "1"}, source="b")
    add_labels(bank, "mass", {"v0": "1"}, source="c")
    with pytest.raises(UnknownNameError, match="source of labels 'rules' is unknown; choose one of: a, b, c"):
        paired_labels(bank, "rules", "b")
    with pytest.raises(UsageError, match="source 'a' is compared with itself"):
        paired_labels(bank, "a", "a")
    with pytest.raises(UnknownNameError, match="unit 'scan' is unknown"):
        paired_labels(bank, "a", "b", unit="scan")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="a and b label no volume in common"):
        paired_labels(bank, "a", "b")
    with pytest.raises(UsageError, match="a and c label no finding in common: a has bleed; c has mass"):
        paired_labels(bank, "a", "c")
    with pytest.raises(UnknownNameError, match="finding 'blood' is unknown"):
        paired_labels(bank, "a", "c", ["blood"])
    with pytest.raises(UsageError, match="none of the findings is labelled by both a and c"):
        paired_labels(bank, "a", "c", ["bleed"])
    add_labels(bank, "bleed", {"v0": "0"}, source="c")
    assert paired_labels(bank, "a", "c", ["bleed,mass"]).remarks == ("a has no labels of mass: it is left out",)


def test_pairs_have_a_row_for_each_unit_however_many_are_asked(bank: Bank) -> None:
    random = np.random.default_rng(0)
    add_volumes(bank, [f"p{i % 20}" for i in range(50)])
    said = {source: {f"f{k}": random.integers(4, size=50) for k in range(3)} for source in "ab"}
    for source, findings in said.items():
        for finding, codes in findings.items():
            add_labels(bank, finding, {f"s{i}": "-0?1"[code] for i, code in enumerate(codes)}, level="study", source=source)
    for pairs in paired_labels(bank, "a", "b").pairs:
        both = sorted(
            zip(said["a"][pairs.finding].tolist(), said["b"][pairs.finding].tolist(), [f"p{i % 20}" for i in range(50)], strict=True)
        )
        assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.patients.tolist(), strict=True)) == both
