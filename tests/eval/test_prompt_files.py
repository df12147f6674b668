from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scanbank.eval.prompt_files import MOST_BYTES, read_prompts
from scanbank.eval.prompts import Prompts
from scanbank.store.errors import UsageError

GOOD = {
    "templates": {"present": ["{finding} is there.", "a scan with {finding}"], "absent": ["no {finding}"]},
    "findings": {"bleed": {"present": ["blood"], "absent": ["no blood", "nothing bleeds"]}, "part=hand": {"present": ["eine Hand, ✋"]}},
}


def test_templates_and_texts_of_findings(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(json.dumps(GOOD, ensure_ascii=False), encoding)
        wording = read_prompts(path)
        assert wording.of("rib_fracture") == Prompts(
            "rib_fracture", ("rib fracture is there.", "a scan with rib fracture"), ("no rib fracture",)
        )
        assert wording.of("bleed") == Prompts("bleed", ("blood",), ("no blood", "nothing bleeds"))
        assert wording.of("part=hand") == Prompts("part=hand", ("eine Hand, ✋",))


def test_a_message_lists_some_findings(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"findings": {f"f{i:02d}": {"present": ["a"]} for i in range(25)}}))
    with pytest.raises(UsageError, match=r"only of 'f00', .* 'f19' and 5 others; add it"):
        read_prompts(path).of("mass")


def test_a_finding_that_a_file_does_not_name(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"findings": GOOD["findings"]}))
    with pytest.raises(UsageError, match=r"prompts '.*prompts.json' says nothing of finding 'mass', only of 'bleed', 'part=hand'; add it"):
        read_prompts(path).of("mass")


SIDES: list[tuple[object, str]] = [
    ([], r"expected an object with present and absent; found \[\]"),
    ({"present": "blood"}, r"present: expected a list of texts; found \"blood\""),
    ({"present": []}, r"present: expected a list of texts; found \[\]"),
    ({"present": ["a"], "absent": []}, r"absent: expected a list of texts; found \[\]"),
    ({"present": ["a"], "absent": None}, r"absent: expected a list of texts; found null"),
    ({"absent": ["a"]}, "present is missing"),
    ({}, "present is missing"),
    ({"present": ["a", 1]}, "texts that are not blank; found 1"),
    ({"present": [["a"]]}, r"texts that are not blank; found \[\"a\"\]"),
    ({"present": ["a" * 100, {"x": "y" * 100}]}, "texts that are not blank; found dict"),
    ({"present": [" \n"]}, "texts that are not blank"),
    ({"present": ["\ud800"]}, "holds half a letter"),
    ({"presnt": ["a"]}, "findings, 'x': key 'presnt' is unknown; did you mean 'present'"),
]
WHOLE: list[tuple[object, str]] = [
    ([], "expected an object with templates and findings"),
    (None, "found null"),
    ({}, r"is empty; expected templates or findings, such as {\"templates\": {\"present\""),
    ({"template": {}}, "key 'template' is unknown; did you mean 'templates'"),
    ({"\udfff": 1}, "half a letter"),
    ({"findings": []}, "findings: expected an object with findings for its keys"),
    ({"templates": {"present": ["blood"]}}, "template 'blood' lacks {finding}; it would say the same of all findings"),
]


@pytest.mark.parametrize(
    ("found", "pattern"), [*WHOLE, *(({"findings": {"x": of}}, p) for of, p in SIDES)], ids=range(len(WHOLE) + len(SIDES))
)
def test_each_mistake_is_one_line(tmp_path: Path, found: object, pattern: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(found))
    with pytest.raises(UsageError, match=pattern) as raised:
        read_prompts(path)
    assert str(raised.value).startswith(f"prompts {str(path)!r}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b'{"templates": }', "is no JSON: .* column"),
        (b'{"findings": {}, "findings": {}}', "is no JSON: key 'findings' is there twice"),
        (b"\xff\xfe{\x00}\x00", "is no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is no text in UTF-8"),
        (b"[" * 200_000, "is nested too deep"),
        (b" " * (MOST_BYTES + 1), f"is larger than {MOST_BYTES} bytes"),
    ],
    ids=["empty", "half", "value", "twice", "utf-16", "picture", "deep", "large"],
)
def test_what_is_no_such_file(tmp_path: Path, data: bytes, pattern: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=pattern) as raised:
        read_prompts(path)
    assert "\n" not in str(raised.value)


def test_a_path_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: No such file or directory; expected a JSON file"):
        read_prompts(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_prompts(tmp_path)


def test_the_example_of_the_docs_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "studies.md").read_text("utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "prompts.json"
    path.write_text(example)
    assert read_prompts(path).of("rib_fracture").present == ("rib fracture is present.", "There is rib fracture.")
    assert read_prompts(path).of("pleural_effusion").absent == ("No fluid around the lung.",)
