"""`scanbank label --method llm` as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chat_server import YAML, ChatServer, as_json, by_words, chat_server, completion
from scanbank.scripts.cli import app
from scanbank.store import Bank


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def words(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The command for a bank of three reports, but for the endpoint."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SCANBANK_LLM_KEY", "hunter2")
    (tmp_path / "two.yaml").write_text(YAML, "utf-8")
    (tmp_path / "reports.csv").write_text(
        "study_uid,report\n1.1,There is a nodule.\n1.2,Small effusion.\n1.3,Nothing of note.\n", encoding="utf-8"
    )
    assert run("ingest", bank.path, "--reports", tmp_path / "reports.csv", "--create-studies").exit_code == 0
    return ["label", bank.path, "--findings", tmp_path / "two.yaml", "--method", "llm", "--model", "m", "--tries", 1, "--endpoint"]


def test_nothing_is_sent_without_the_users_word(words: list[object]) -> None:
    with chat_server() as server:
        done = run(*words, server.url, "--price-in", 1, "--price-out", 2)
        assert done.exit_code == 2
        assert server.seen == []
        assert f"3 report texts would be sent to {server.url}/v1/chat/completions (model m), one request each" in done.stdout
        assert "- nodule: Lung nodule. A small opacity." in done.stdout
        assert "about 0.00 at these prices" in done.stdout
        assert done.stderr.splitlines() == ["error: nothing was sent; add --yes-send-text to send these texts there"]
        shown = run(*words, server.url, "--dry-run", "--yes-send-text", "--json")
        assert shown.exit_code == 0
        assert json.loads(shown.stdout)["would_send"]["requests"] == 3
        assert server.seen == []


def test_labels_by_a_model(words: list[object], bank: Bank) -> None:
    with chat_server() as server:
        done = run(*words, server.url, "--yes-send-text")
        assert done.exit_code == 0, done.output
        assert len(server.seen) == 3
        assert {seen.headers["Authorization"] for seen in server.seen} == {"Bearer hunter2"}
        assert re.search(r"^sending 3 reports to http://127\.0\.0\.1:\d+/v1/chat/completions; about [\d,]+ tokens in and", done.stderr)
        assert re.search(r"3 reports, 6 labels written as source llm:m@[0-9a-f]{8}", done.stdout)
        again = run(*words, server.url, "--json")  # all of it is answered: no word is needed
        assert again.exit_code == 0, again.output
        assert len(server.seen) == 3
    said = json.loads(again.stdout)
    assert (said["asked"], said["answered_before"], said["changed"], said["failures"]) == (0, 3, 0, {})
    assert "hunter2" not in done.output + again.output
    assert not any("hunter2" in row["settings"] for row in bank.sql("SELECT settings FROM history_runs").to_pylist())


def test_reports_without_an_answer_are_told_of(words: list[object], bank: Bank) -> None:
    with chat_server(lambda seen: completion("no") if "effusion" in seen.report else by_words(seen)) as server:
        done = run(*words, server.url, "--yes-send-text")
        assert done.exit_code == 1
        assert "2 reports, 4 labels written" in done.stdout
        assert "1 report without an answer: it holds no JSON object" in done.stderr
        assert Bank.open(bank.path).sql("SELECT * FROM failures WHERE stage = 'label'").num_rows == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["not an address"], "endpoint 'not an address' is no address"),
        (["http://localhost", "--concurrency", 0], "concurrency is 0"),
        (["http://localhost", "--answer-format", "xml"], "format of answers 'xml' is unknown"),
        (["http://localhost", "--examples", "none.yaml"], "examples 'none.yaml' cannot be read"),
        (["http://localhost", "--key-env", "sk-hunter2"], "give the variable's name"),
        (["http://localhost", "--method", "rules"], "--endpoint and --model are for --method llm"),
    ],
)
def test_mistakes_are_one_line(words: list[object], more: list[object], message: str) -> None:
    done = run(*words, *more)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "hunter2" not in done.output
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


def refused(server: ChatServer, words: list[object]) -> str:
    done = run(*words, server.url, "--yes-send-text")
    assert done.exit_code == 1, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


def test_an_endpoint_that_refuses_is_one_line(words: list[object]) -> None:
    with chat_server(lambda _: as_json({"error": {"message": "bad key hunter2"}}, 401)) as server:
        assert refused(server, words) == "error: 127.0.0.1 refuses the API key in $SCANBANK_LLM_KEY (status 401)"


def test_the_endpoint_and_the_model_are_needed(words: list[object]) -> None:
    done = run(*[word for word in words if word not in ("--model", "m", "--endpoint")])
    assert done.exit_code == 2
    assert "--method llm needs --endpoint URL and --model NAME" in done.stderr
