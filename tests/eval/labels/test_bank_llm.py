"""A bank's reports labelled by a model: labels, failures and settings in its tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server import Reply, Seen, by_words, chat_server, completion, two_findings
from scanbank.eval.agree import agree_sources
from scanbank.eval.labels import Example, LlmSettings, label_reports
from scanbank.eval.labels.bank_llm import LlmLabelled, label_by_llm, llm_job
from scanbank.eval.labels.llm_errors import EndpointError
from scanbank.store import Bank
from scanbank.store.errors import UsageError

TWO = two_findings()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def full(bank: Bank) -> Bank:
    """Three studies with reports, of which the table labels two."""
    texts = {"s0": "There is a nodule.", "s1": "Small effusion on the left.", "s2": "Nothing of note."}
    with bank.commit("reports") as commit:
        first = commit.reserve(3)
        commit.append("studies", [{"study": study, "patient": f"p{study}"} for study in texts])
        rows = [
            {
                "snippet": f"n{study}",
                "ordinal": first + i,
                "study": study,
                "patient": f"p{study}",
                "section": "findings",
                "position": 0,
                "text": text,
            }
            for i, (study, text) in enumerate(texts.items())
        ]
        commit.append("snippets", rows)
        truth = {"s0": "present", "s1": "present", "s2": "absent"}
        commit.append(
            "labels",
            [{"item": s, "level": "study", "finding": "nodule", "status": status, "source": "table"} for s, status in truth.items()],
        )
    bank.refresh()
    return bank


def label(bank: Bank, url: str, **options: object) -> LlmLabelled:
    settings = LlmSettings(url, "m", send_text=True, tries=1)
    return label_by_llm(bank, llm_job(bank, TWO, replace(settings, **options)))  # pyright: ignore[reportArgumentType]


def labels_of(bank: Bank, source: str) -> dict[tuple[str, str], str]:
    rows = bank.sql(f"SELECT item, finding, status FROM labels WHERE source = '{source}'").to_pylist()
    return {(row["item"], row["finding"]): row["status"] for row in rows}


def test_labels_and_settings_are_in_the_bank(full: Bank) -> None:
    with chat_server() as server:
        done = label(full, server.url, examples=(Example("Frau Beispiel has a nodule.", frozenset({"nodule"})),))
        assert server.reports[0] == "Frau Beispiel has a nodule."  # the example
        assert all("FINDINGS:" in seen.body["messages"][-1]["content"] for seen in server.seen)
    source = done.labelled.source
    assert source.startswith("llm:m@")
    # the stand-in reads the example, and says the same of all
    assert labels_of(full, source)["s1", "nodule"] == "present"
    (run,) = full.sql("SELECT run, command, settings FROM runs").to_pylist()
    told = json.loads(run["settings"])
    assert run["command"] == "label"
    assert (told["model"], told["source"], told["temperature"]) == ("m", source, 0)
    assert "- nodule: Lung nodule." in told["prompt"]
    assert len(told["examples"][0]) == 64
    assert "Beispiel" not in run["settings"]


def test_a_report_that_fails_costs_itself_and_is_asked_again(full: Bank) -> None:
    def answer(seen: Seen) -> Reply:
        return completion("no") if "effusion" in seen.report else by_words(seen)

    with chat_server(answer) as server:
        done = label(full, server.url)
        source = done.labelled.source
        assert done.failures == {"s1": "it holds no JSON object"}
        assert labels_of(full, source) == {
            ("s0", "nodule"): "present",
            ("s0", "effusion"): "absent",
            ("s2", "nodule"): "absent",
            ("s2", "effusion"): "absent",
        }
        rows = full.sql("SELECT stage, source, reason FROM failures").to_pylist()
        assert rows == [{"stage": "label", "source": f"{source}:s1", "reason": "it holds no JSON object"}]
        server.answer = by_words
        before = len(server.seen)
        again = label(full, server.url)
        assert len(server.seen) == before + 1
    assert again.failures == {}
    assert labels_of(full, source)["s1", "effusion"] == "present"
    assert full.sql("SELECT * FROM failures").num_rows == 0
    ((line, _),) = agree_sources(full, "table", source, ["nodule"]).lines
    assert (line.tp, line.fp, line.fn, line.tn) == (1, 0, 1, 1)


def test_where_all_fail_nothing_is_labelled(full: Bank) -> None:
    with chat_server(lambda _: completion("no")) as server:
        done = label(full, server.url)
    assert len(done.failures) == 3
    assert not done.labelled.written
    assert labels_of(full, done.labelled.source) == {}


def test_what_is_only_shown_is_not_written(full: Bank) -> None:
    with chat_server() as server:
        job = llm_job(full, TWO, LlmSettings(server.url, "m", send_text=True))
        done = label_by_llm(full, job, write=False)
    assert done.labelled.changed == 6
    assert labels_of(full, done.labelled.source) == {}
    assert full.sql("SELECT * FROM runs").num_rows == 0


def test_texts_stay_here_without_the_users_word(full: Bank, bank: Bank) -> None:
    with chat_server() as server:
        with pytest.raises(UsageError, match="nothing was sent: 3 report texts would be sent to"):
            label(full, server.url, send_text=False)
        assert server.seen == []


def test_a_bank_without_reports(bank: Bank) -> None:
    with pytest.raises(UsageError, match="the bank holds no report text to label"):
        llm_job(bank, TWO, LlmSettings("http://localhost", "m"))


def test_label_reports_by_a_model() -> None:
    texts = ["A nodule.", "", "An effusion."]
    with chat_server() as server:
        settings = LlmSettings(server.url, "m", send_text=True, tries=1)
        found = label_reports(texts, findings=TWO, method="llm", llm=settings)
        assert found == [
            {"nodule": "present", "effusion": "absent"},
            {"nodule": "unmentioned", "effusion": "unmentioned"},
            {"nodule": "absent", "effusion": "present"},
        ]
        server.answer = lambda _: completion("no")
        with pytest.raises(
            EndpointError, match=r"1 of 4 reports got no answer, the first is report 3 \(counted from 0\): it holds no JSON"
        ):
            label_reports([*texts, "Clear."], findings=TWO, method="llm", llm=settings)
    with pytest.raises(UsageError, match="method 'llm' needs to know whom to ask"):
        label_reports(texts, findings=TWO, method="llm")
