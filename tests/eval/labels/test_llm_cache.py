"""Answers are there again by report, prompt and model, and hold no text."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from scanbank.eval.labels.llm_cache import AnswerCache, cache_file, report_digest
from scanbank.store.errors import BankAccessError

NAMES = ("nodule", "effusion")
ANSWER = {"nodule": True, "effusion": False}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "answers.sqlite"


def test_answers_are_there_by_report_prompt_and_model(path: Path) -> None:
    with AnswerCache.open("p", "m", path) as cache:
        cache.put("r1", ANSWER)
        cache.put("r2", ANSWER)
        cache.put("r2", {"nodule": False, "effusion": False})
    with AnswerCache.open("p", "m", path) as cache:
        assert cache.get(["r1", "r2", "r3"], NAMES) == {"r1": ANSWER, "r2": {"nodule": False, "effusion": False}}
        assert cache.get(["r1"], ("nodule", "mass")) == {}
    for prompt, model in (("q", "m"), ("p", "n")):
        with AnswerCache.open(prompt, model, path) as cache:
            assert cache.get(["r1"], NAMES) == {}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_may_have_it_open(path: Path) -> None:
    with AnswerCache.open("p", "m", path) as one, AnswerCache.open("p", "m", path) as other:
        one.put("r1", ANSWER)
        other.put("r2", ANSWER)
        assert one.get(["r1", "r2"], NAMES) == other.get(["r1", "r2"], NAMES) == {"r1": ANSWER, "r2": ANSWER}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nodule": true}', '{"nodule": 1, "effusion": 0}', None])
def test_what_is_no_answer_is_asked_for_anew(path: Path, text: str | None) -> None:
    with AnswerCache.open("p", "m", path) as cache:
        cache.put("r1", ANSWER)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE answers SET answer = ?", (text or "null",))
    db.close()
    with AnswerCache.open("p", "m", path) as cache:
        assert cache.get(["r1"], NAMES) == {}


def test_a_damaged_file_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(BankAccessError, match=r"answers\.sqlite cannot be used \(file is not a database\); delete that file"):
        AnswerCache.open("p", "m", path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BankAccessError, match="or set XDG_CACHE_HOME"):
        AnswerCache.open("p", "m", tmp_path / "file" / "answers.sqlite")


def test_it_lies_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "scanbank" / "llm-answers.sqlite"


def test_digests_tell_texts_apart() -> None:
    assert report_digest("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert len({report_digest(text) for text in ("", "a", "a ", "\ud800", "\ud801")}) == 5
