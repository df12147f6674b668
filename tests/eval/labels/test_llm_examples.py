"""Examples from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat_server import two_findings
from scanbank.eval.labels.llm_examples import read_examples
from scanbank.eval.labels.llm_settings import Example
from scanbank.store.errors import UnknownNameError, UsageError

TWO = two_findings()
EXPECTED = (Example("FINDINGS:\nA nodule.\n", frozenset({"nodule"})), Example("Clear lungs.", frozenset()))


@pytest.mark.parametrize(
    "text",
    [
        "- report: |\n    FINDINGS:\n    A nodule.\n  present: [nodule]\n- report: Clear lungs.\n  present: []\n",
        "- report: |\n    FINDINGS:\n    A nodule.\n  present: nodule\n- report: Clear lungs.\n  present:\n",
        json.dumps([{"report": "FINDINGS:\nA nodule.\n", "present": ["nodule"]}, {"report": "Clear lungs.", "present": []}]),
    ],
    ids=["yaml", "short", "json"],
)
def test_yaml_and_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text(text, "utf-8")
    assert read_examples(path, TWO) == EXPECTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- report: x\n  present: [mass]\n", r"line 2, .*present.*: finding 'mass' is unknown"),
        ("- report: x\n", "expected a key 'present'"),
        ("- present: [nodule]\n", "expected a key 'report'"),
        ("- report: ''\n  present: []\n", "expected the text of a report"),
        ("- report: [x]\n  present: []\n", "expected the text of a report"),
        ("- report: x\n  presents: []\n", "key 'presents' is unknown; did you mean 'present'"),
        ("report: x\n", "expected a list"),
        ("[]", "0 examples; expected 1 to 50"),
        ("[" + '{"report": "x", "present": []},' * 51 + "]", "51 examples; expected 1 to 50"),
        ("", "is empty"),
        ("- a: *b\n", "is no YAML"),
    ],
)
def test_mistakes_name_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message) as told:
        read_examples(path, TWO)
    assert "examples 'shots.yaml'" in str(told.value)
    assert isinstance(told.value, UnknownNameError) == ("unknown" in message)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        read_examples(tmp_path / "none.yaml", TWO)
