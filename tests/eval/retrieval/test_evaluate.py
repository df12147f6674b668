from __future__ import annotations

import json

import numpy as np
import pytest

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.report import markdown, report
from scanbank.eval.retrieval import Retrieval, retrieval
from scanbank.eval.retrieval.pairs import studies_with_reports
from scanbank.eval.trained_items import declare_trained_items
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec
from scanbank.store.errors import UnknownNameError, UsageError

TEXT = FeatureKey("text", VOLUME.encoder, ViewSpec())


def reported(bank: Bank, texts: dict[str, list[tuple[str, str]]], vectors: dict[str, list[int]], encoder: FeatureKey = TEXT) -> None:
    """Snippets (section, text) by study, each with the unit vector along an axis."""
    with bank.commit("snippets") as commit:
        rows = [(study, section, text) for study, of in texts.items() for section, text in of]
        first = commit.reserve(len(rows))
        commit.append(
            "snippets",
            [
                {
                    "snippet": f"t{n}",
                    "ordinal": first + n,
                    "study": study,
                    "patient": study,
                    "section": section,
                    "position": n,
                    "text": text,
                }
                for n, (study, section, text) in enumerate(rows)
            ],
        )
    bank.refresh()
    axes = [axis for study in texts for axis in vectors[study]]
    add_vectors(bank, encoder, first + np.arange(len(rows)), np.eye(encoder.encoder.dim)[axes])


def three(bank: Bank) -> Bank:
    """Scans of studies s0..s2 look along axes 0..2. Reports of s0 and s1 say the same and look along 0; that of s2 along 2."""
    ordinals = add_volumes(bank, ["p0", "p1", "p2", "p3"])
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[[0, 1, 2, 3]])
    add_labels(bank, "nodule", {"v0": "1", "v1": "1", "v2": "0"})
    add_labels(bank, "mass", {"v0": "0", "v1": "1", "v2": "?"})
    texts = {
        "s0": [("findings", "A nodule."), ("impression", "Nodule!")],
        "s1": [("findings", "a NODULE")],
        "s2": [("findings", "Nothing.")],
    }
    reported(bank, texts, {"s0": [0, 0], "s1": [0], "s2": [2]})
    return bank


def values(result: Retrieval, direction: str) -> dict[str, float | None]:
    (found,) = [one for one in result.rows if one.direction == direction]
    return {one.name: one.value for one in found.measures}


def test_numbers_by_hand_and_where_they_go(bank: Bank) -> None:
    three(bank)
    result = retrieval(bank, texts="section:findings")
    assert (result.settings["pool"], result.settings["patients"], result.settings["distinct_reports"]) == (3, 3, 2)
    to_image = values(result, "text_to_image")
    # s0 finds v0 first; s1 has v0 before v1, and v2 with the same score; s2 finds v2
    assert (to_image["recall_at_1"], to_image["median_rank"], to_image["mrr"]) == (
        pytest.approx(2 / 3),
        1.0,
        pytest.approx((1 + 1 / 3 + 1) / 3),
    )
    # v0 is as right for s1 as v1
    assert (to_image["recall_at_1_duplicates"], to_image["mrr_duplicates"]) == (1.0, 1.0)
    to_text = values(result, "image_to_text")
    # of v0 the texts of s0 and s1 score the same, so that its own is second; v1 is like none: last of three
    assert to_text["mrr"] == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    # in groups v0 finds its report at once; of v1 all three score 0, and the one of s2 stands before both
    assert to_text["mrr_duplicates"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    # mAP: s0 {nodule} and s1 {nodule, mass} are relevant to each other, s2 has no finding. s0: v0 at 1, v1 with v2 at 3
    assert to_image["map"] == pytest.approx((1 + 2 / 3) / 2)
    # s0: gains 1, then 1/2 and 0 spread over two places; s1: 1/2, then 1 and 0 spread
    d = 1 / np.log2([2, 3, 4])
    s0 = (1 * d[0] + 0.25 * (d[1] + d[2])) / (d[0] + 0.5 * d[1])
    s1 = (0.5 * d[0] + 0.5 * (d[1] + d[2])) / (d[0] + 0.5 * d[1])
    assert to_image["ndcg"] == pytest.approx((s0 + s1) / 2)
    rows = bank.sql("SELECT head, metric, value, finding, features, encoder, lo FROM metrics").to_pylist()
    assert {row["features"] for row in rows} == {VOLUME.name}
    assert {(row["head"], row["metric"]): row["value"] for row in rows if row["head"] == "image_to_text"} == {
        ("image_to_text", name): value for name, value in to_text.items()
    }
    (run,) = bank.sql("SELECT run, command, settings FROM runs").to_pylist()
    assert (run["run"], run["command"]) == (result.run, "retrieval")
    assert json.loads(run["settings"])["findings"] == ["mass", "nodule"]


def test_the_same_again_writes_nothing_and_other_labels_are_another_run(bank: Bank) -> None:
    three(bank)
    first = retrieval(bank)
    commits = len(bank.log())
    assert retrieval(bank).run == first.run
    assert len(bank.log()) == commits
    add_labels(bank, "mass", {"v0": "1"})
    assert retrieval(bank).run != first.run
    assert len(bank.log()) == commits + 2


def test_a_report_is_the_mean_of_its_sections(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1"])
    add_vectors(bank, VOLUME, ordinals, np.array([[1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]], float))
    reported(bank, {"s0": [("findings", "one"), ("impression", "two")], "s1": [("findings", "three")]}, {"s0": [0, 1], "s1": [0]})
    assert values(retrieval(bank), "text_to_image")["recall_at_1"] == 1.0
    # by its impression alone, s0 is the only one there is
    with pytest.raises(UsageError, match="two or more"):
        retrieval(bank, texts="section:impression")


def test_what_says_nothing_of_the_images_does_not_count(bank: Bank) -> None:
    """By their histories and techniques, both reports would look along axis 1; the third has nothing else, and its history counts."""
    ordinals = add_volumes(bank, ["p0", "p1", "p2"])
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[[0, 2, 1]])
    texts = {
        "s0": [("history", "cough"), ("technique", "with contrast"), ("findings", "one")],
        "s1": [("history", "fall"), ("comparison", "none"), ("impression", "two")],
        "s2": [("history", "pain")],
    }
    reported(bank, texts, {"s0": [1, 1, 0], "s1": [1, 1, 2], "s2": [1]})
    assert values(retrieval(bank), "text_to_image")["recall_at_1"] == 1.0
    assert studies_with_reports(bank).texts == ("one", "two", "pain")
    assert studies_with_reports(bank, "section:history").texts == ("cough", "fall", "pain")


def test_sets_are_measured_on_the_studies_that_all_of_them_hold(bank: Bank) -> None:
    three(bank)
    ordinals = bank.sql("SELECT ordinal FROM volumes ORDER BY ordinal").column(0).to_numpy()
    slices = np.concatenate([ordinals[:2, None] + 1 + np.arange(3)]).ravel()
    add_vectors(bank, SLICE, slices, np.repeat(np.eye(4)[[0, 1]], 3, axis=0))
    result = retrieval(bank)
    assert any("no report is encoded by flat" in remark for remark in result.remarks)
    snippets = bank.sql("SELECT ordinal FROM snippets ORDER BY ordinal").column(0).to_numpy()
    add_vectors(bank, FeatureKey("text", SLICE.encoder, ViewSpec()), snippets, np.eye(4)[[0, 0, 1, 2]])
    result = retrieval(bank)
    assert result.settings["pool"] == 2
    assert [one.features for one in result.rows] == [f"{SLICE.name}/mean"] * 2 + [VOLUME.name] * 2
    assert any("1 of 3 studies lack a vector" in remark for remark in result.remarks)
    assert retrieval(bank, choice=FeatureChoice(encoder="toy")).settings["pool"] == 3


def test_what_cannot_be_retrieved_is_told(bank: Bank) -> None:
    with pytest.raises(UsageError, match="no study has both"):
        retrieval(bank)
    ordinals = add_volumes(bank, ["p0", "p1"])
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[:2])
    with pytest.raises(UsageError, match="no study has both"):
        retrieval(bank)
    reported(
        bank,
        {"s0": [("findings", "one")], "s1": [("findings", "two")]},
        {"s0": [0], "s1": [1]},
        encoder=FeatureKey("text", SLICE.encoder, ViewSpec()),
    )
    with pytest.raises(UsageError, match="no report is encoded by toy"):
        retrieval(bank)
    with pytest.raises(UsageError, match="report, sentences, or section:NAME"):
        retrieval(bank, texts="impression")
    with pytest.raises(UnknownNameError, match="did you mean 'findings'"):
        retrieval(bank, texts="section:finding")


def test_labels_of_nobody_and_of_several(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["p0", "p1"])
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[:2])
    reported(bank, {"s0": [("findings", "one")], "s1": [("findings", "two")]}, {"s0": [0], "s1": [1]})
    result = retrieval(bank)
    assert values(result, "text_to_image")["map"] is None
    assert any("no labels" in remark for remark in result.remarks)
    add_labels(bank, "nodule", {"v0": "1"}, source="rules")
    assert retrieval(bank).settings["source"] == "rules"
    add_labels(bank, "nodule", {"v1": "1"}, source="llm")
    with pytest.raises(UsageError, match="--source: llm, rules"):
        retrieval(bank)
    assert retrieval(bank, source="llm").settings["source"] == "llm"
    with pytest.raises(UnknownNameError, match="source"):
        retrieval(bank, source="nobody")


def test_reports_show_both_directions(bank: Bank) -> None:
    three(bank)
    retrieval(bank, texts="section:findings")
    text = markdown(bank)
    assert "## Retrieval by section:findings" in text
    assert "| text to image | or near\\-identical |" in text.replace("near-identical", "near\\-identical")
    page = report(bank, queries=[], pictures=False)
    assert "Retrieval by section:findings" in page
    assert "image to text" in page


def trained(bank: Bank, encoder: EncoderSpec, *items: str) -> None:
    with bank.commit("trained") as commit:
        declare_trained_items(commit, encoder, items, "volume")
    bank.refresh()


def test_an_encoder_is_not_measured_on_whom_it_was_trained_on(bank: Bank) -> None:
    three(bank)
    plain = retrieval(bank)
    trained(bank, VOLUME.encoder, "v1")
    with pytest.raises(UsageError, match=r"1 of 3 test volumes are of patients .* trained on \(1 by toy\).*--split patients-0"):
        retrieval(bank)
    allowed = retrieval(bank, allow_leak=True)
    assert allowed.settings["allowed_leaks"] == [{"kind": "trained_on", "count": 1}]
    assert allowed.rows == plain.rows
    assert any("allowed: 1 of 3" in remark for remark in allowed.remarks)
    with bank.commit("split") as commit:
        sides = {"p0": "test", "p1": "train", "p2": "test", "p3": "val"}
        commit.append("splits", [{"split": "mine", "item": item, "level": "patient", "side": side} for item, side in sides.items()])
    bank.refresh()
    tested = retrieval(bank, split="mine")
    assert (tested.settings["pool"], tested.settings["split"]) == (2, "mine")
    assert len({plain.run, allowed.run, tested.run}) == 3


def test_a_split_that_is_made_is_kept_with_the_run(bank: Bank) -> None:
    ordinals = add_volumes(bank, [f"p{i}" for i in range(20)])
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[np.arange(20) % 8])
    reported(bank, {f"s{i}": [("findings", f"text {i}")] for i in range(20)}, {f"s{i}": [i % 8] for i in range(20)})
    result = retrieval(bank, split="patients-3")
    test = bank.sql("SELECT item FROM latest_splits WHERE split = 'patients-3' AND side = 'test'").num_rows
    assert result.settings["pool"] == test >= 2
    with pytest.raises(UnknownNameError, match="split 'nosuch' is unknown"):
        retrieval(bank, split="nosuch")
