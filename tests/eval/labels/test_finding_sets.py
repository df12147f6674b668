from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from scanbank.eval.labels import BUNDLED, Finding, FindingSet, Mention, finding_set, label_reports
from scanbank.eval.labels.documents import MOST_BYTES
from scanbank.store.errors import UnknownNameError, UsageError

GOOD = """\
name: shoulder
title: The shoulder
probable: present
findings:
  - name: rotator_cuff_tear
    title: Rotator cuff tear
    description: A tear of a tendon of the rotator cuff.
    mentions:
      - (rotator cuff|supraspinatus) ~2 tear*
      - phrases: effusion
        near: [glenohumeral]
        unless: [knee]
        says: uncertain
    skip: [old tear]
    implies: any_tear
    aliases: [rc tear, cuff]
  - name: any_tear
    mentions: [tear*]
  - name: wide_joint
    mentions:
      - phrases: [joint space]
        over_mm: 4
  - name: healthy
    none_of: [any_tear, wide_joint]
"""


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "shoulder.yaml"
    path.write_text(GOOD)
    found = finding_set(path)
    effusion = Mention(("effusion",), "uncertain", ("glenohumeral",), ("knee",))
    assert found == FindingSet(
        "shoulder",
        "The shoulder",
        (
            Finding(
                name="rotator_cuff_tear",
                title="Rotator cuff tear",
                description="A tear of a tendon of the rotator cuff.",
                mentions=(Mention(("(rotator cuff|supraspinatus) ~2 tear*",)), effusion),
                skip=("old tear",),
                implies=("any_tear",),
                aliases=("rc tear", "cuff"),
            ),
            Finding("any_tear", "Any tear", "Any tear.", (Mention(("tear*",)),)),
            Finding("wide_joint", "Wide joint", "Wide joint.", (Mention(("joint space",), over_mm=4.0),)),
            Finding("healthy", "Healthy", "Healthy.", (), none_of=("any_tear", "wide_joint")),
        ),
        "present",
    )
    assert finding_set(str(path)) == found
    assert finding_set(found) is found
    assert re.fullmatch("shoulder@[0-9a-f]{8}", found.source)
    texts = ["Supraspinatus tendon tear.", "Glenohumeral effusion.", "Joint space 5 mm.", "Joint space 3 mm, knee effusion.", " "]
    assert [list(labels.values()) for labels in label_reports(texts, path)] == [
        ["present", "present", "unmentioned", "unmentioned"],
        ["uncertain", "unmentioned", "unmentioned", "present"],
        ["unmentioned", "unmentioned", "present", "unmentioned"],
        ["unmentioned", "unmentioned", "absent", "present"],
        ["unmentioned"] * 4,
    ]


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "shoulder.yaml"
    path.write_text(GOOD)
    first = finding_set(path).digest
    path.write_text("# a remark\n" + GOOD)
    assert finding_set(path).digest == first
    path.write_text(GOOD.replace("over_mm: 4", "over_mm: 5"))
    assert finding_set(path).digest != first


@pytest.mark.parametrize(
    ("name", "count", "some"),
    [
        ("neuro16", 16, "venous_sinus_hyperdensity"),
        ("chest18", 18, "lung_nodule"),
        ("cxr14", 14, "pleural_thickening"),
        ("chexpert14", 14, "no_finding"),
    ],
)
def test_sets_that_come_along(name: str, count: int, some: str) -> None:
    found = finding_set(name)
    assert (found.name, len(found.findings), some in found.names) == (name, count, True)
    assert all(finding.description.endswith(".") and finding.title for finding in found.findings)


def test_every_bundled_set_is_known() -> None:
    folder = Path(__file__).resolve().parents[3] / "eval" / "labels" / "sets"
    assert sorted(path.stem for path in folder.glob("*.yaml")) == sorted(BUNDLED)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("over_mm: 4", "over_mm: wide"), "line 22, findings[2].mentions[0].over_mm: expected a number; found 'wide'"),
        (("over_mm: 4", "over_mm: -4"), "line 22, findings[2].mentions[0].over_mm: expected a number between 0 and 1000; found -4"),
        (("over_mm: 4", "over_mm: 4\n        over_ratio: 0.5"), "expected over_mm or over_ratio; found both"),
        (("says: uncertain", "says: maybe"), "says: expected present or absent or uncertain; found 'maybe'"),
        (("probable: present", "probable: absent"), "line 3, probable: expected present or uncertain; found 'absent'"),
        (("name: any_tear", "name: Any tear"), "expected a name of lower case letters, digits and underscores; found 'Any tear'"),
        (("name: any_tear", "name: rotator_cuff_tear"), "expected each finding once; found 'rotator_cuff_tear' again"),
        (("mentions: [tear*]", "mentions: [(tear]"), "line 18, findings[1].mentions[0]: phrase '(tear': a bracket is not closed"),
        (("mentions: [tear*]", "mentions: []"), "expected a key 'mentions' with at least one, or 'none_of'"),
        (("mentions: [tear*]", "mentions: ['.*']"), "findings[1].mentions[0]: expected phrases of words; found '.*', without a letter"),
        (("mentions: [tear*]", "mentions: [tear*]\n    implies: any_tear"), "implies: expected other findings; found 'any_tear' itself"),
        (("mentions: [tear*]", "none_of: [any_tear]"), "found 'any_tear', which has none_of"),
        (("mentions: [tear*]", "mentions: 5"), "findings[1].mentions: expected a list; found '5'"),
        (("skip: [old tear]", "skip: []"), "skip: expected at least one phrase; found an empty list"),
        (("name: shoulder", "title: again"), "expected each key once; found 'title' again, after line 1"),
        (("name: shoulder\n", ""), "expected a key 'name'; found only title, probable, findings"),
        (("findings:", "findings: []\nmore:"), "key 'more' is unknown"),
        (("title: The shoulder", "title: [The, shoulder]"), "line 2, title: expected a text; found a list of 2"),
        (("mentions: [tear*]", "mentions: [tear*"), "is no YAML"),
        (("mentions: [tear*]", "mentions: &a [tear*]\n    skip: *a"), "an anchor is used again by an alias"),
        (("mentions: [tear*]", "mentions: !!python/object/apply:os.system ['true']"), None),
    ],
)
def test_what_is_no_finding_set(tmp_path: Path, change: tuple[str, str], says: str | None) -> None:
    path = tmp_path / "set.yaml"
    assert change[0] in GOOD
    path.write_text(GOOD.replace(*change))
    if says is None:  # a tag runs nothing: what it stands at is read as the list that it is
        assert finding_set(path).findings[1].mentions == (Mention(("true",)),)
        return
    with pytest.raises(UsageError, match=re.escape(says)):
        finding_set(path)


def test_names_that_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    path.write_text(GOOD.replace("implies: any_tear", "implies: any_tears"))
    with pytest.raises(UnknownNameError, match=r"line 15.*finding 'any_tears' is unknown; did you mean 'any_tear'"):
        finding_set(path)
    path.write_text(GOOD.replace("mentions: [tear*]", "mention: [tear*]"))
    with pytest.raises(UnknownNameError, match=r"line 18, findings\[1\]: key 'mention' is unknown; did you mean 'mentions'"):
        finding_set(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"- a\n- b", "line 1: expected a mapping with name, findings; found a list of 2"),
        (b"[" * 1_200, "nested too deep"),
        (b"a" * (MOST_BYTES + 1), "has more than 524288 bytes"),
        (b"name: x\x00", "is no YAML"),
        (b"name: x\nfindings: 3", "findings: expected a list; found '3'"),
        (b"name: x\nfindings: []", "expected at least one finding; found an empty list"),
    ],
)
def test_what_is_no_document(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "set.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=re.escape(says)):
        finding_set(path)


def test_a_device_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="has more than 524288 bytes"):
        finding_set(Path("/dev/zero"))


def test_what_implies_what_holds_whatever_the_order(tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    findings = [
        "{name: any, mentions: [lesion]}",
        "{name: some, mentions: [tumor], implies: any}",
        "{name: one, mentions: [glioma], implies: some}",
    ]
    clear = "{name: clear, none_of: [one], implies: [seen]}"
    path.write_text("name: chain\nfindings:\n" + "".join(f"  - {one}\n" for one in [*findings, clear, "{name: seen, mentions: [seen]}"]))
    (glioma, nothing) = label_reports(["A glioma.", "Nothing."], path)
    assert glioma == {"any": "present", "some": "present", "one": "present", "clear": "unmentioned", "seen": "unmentioned"}
    assert nothing == {"any": "unmentioned", "some": "unmentioned", "one": "unmentioned", "clear": "present", "seen": "present"}


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="finding set 'chest8' is unknown; did you mean 'chest18'"):
        finding_set("chest8")
    with pytest.raises(UsageError, match=r"cannot be read: No such file.*one of chest18"):
        finding_set(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        finding_set(tmp_path)
    with pytest.raises(UsageError, match="a finding set is a name, a path or a FindingSet; found NoneType"):
        finding_set(cast("Any", None))


def test_the_docs_example_is_a_finding_set(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "labels.md").read_text("utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "shoulder.yaml"
    path.write_text(example)
    (labels,) = label_reports(["Cuff appears intact. Joint space 5 mm."], path)
    assert labels == {"rotator_cuff_tear": "present", "any_tear": "present", "nothing_torn": "unmentioned"}
    (labels,) = label_reports(["Cuff appears intact."], path)
    assert labels == {"rotator_cuff_tear": "absent", "any_tear": "unmentioned", "nothing_torn": "present"}


def test_the_docs_python_is_true() -> None:
    (labels,) = label_reports(["No pleural effusion. Possible nodule at the left base."], findings="chest18", method="rules")
    assert (labels["lung_nodule"], labels["pleural_effusion"], labels["emphysema"]) == ("uncertain", "absent", "unmentioned")
