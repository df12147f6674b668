"""Search over HTTP gives what search gives here, through the model's batcher."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from scanbank.eval.search import search
from scanbank.scripts.service.service import Service
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from search_banks import Brightness, Fixed, bright_bank, reports
from service_servers import client_of, serving

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def bright(bank: Bank, tmp_path: Path) -> Bank:
    return bright_bank(bank, tmp_path / "scans", Brightness())


def test_hits_are_those_of_a_search_here(bright: Bank) -> None:
    encoder = Brightness()
    (features,) = [one for one in bright.feature_sets if one.key.kind == "volume"]
    expected = json.loads(json.dumps(asdict(search(bright, encoder, features, "something bright", k=2))))
    with serving([encoder], bank=str(bright.path)) as server, client_of(server) as client:
        found = client.post("/v1/search", json={"query": "something bright", "k": 2}).json()
        assert found.pop("model") == "brightness"
        assert found.pop("notes") == []
        assert "query" not in found
        assert found["hits"] == expected["hits"]
        assert len(found["hits"]) == 2
        assert (found["features"], found["searched"]) == (expected["features"], 3)
        dark = client.post("/v1/search", json={"query": "something else", "k": 1}).json()
        assert dark["hits"][0]["volume"] != found["hits"][0]["volume"]
        assert 'model="brightness",side="text"' in client.get("/metrics").text


def test_what_is_embedded_meanwhile_is_found(bank: Bank, tmp_path: Path) -> None:
    encoder = Brightness()
    with serving([encoder], bank=str(bank.path)) as server, client_of(server) as client:
        empty = client.post("/v1/search", json={"query": "bright"})
        assert (empty.status_code, empty.headers["content-type"]) == (422, "application/problem+json")
        assert "holds no volumes" in empty.json()["detail"]
        assert str(bank.path) not in empty.text
        bright_bank(bank, tmp_path / "scans", encoder)
        assert client.post("/v1/search", json={"query": "bright"}).json()["searched"] == 3


def test_a_set_whose_encoder_is_not_served_is_told(bright: Bank) -> None:
    with serving([Fixed(np.ones(2, np.float32))], bank=str(bright.path)) as server, client_of(server) as client:
        refused = client.post("/v1/search", json={"query": "bright"})
    assert refused.status_code == 422
    assert "start the service with --encoder brightness" in refused.json()["detail"]


def test_an_encoder_of_that_name_with_other_weights_is_refused(bright: Bank) -> None:
    other = Brightness()
    other.spec = replace(other.spec, version="2")
    with serving([other], bank=str(bright.path)) as server, client_of(server) as client:
        refused = client.post("/v1/search", json={"query": "bright"})
    assert refused.status_code == 422
    assert "did not make" in refused.json()["detail"]


def test_without_a_bank_there_is_no_search(bank: Bank) -> None:
    with serving([Brightness()]) as server, client_of(server) as client:
        assert client.post("/v1/search", json={"query": "bright"}).status_code == 404
    with pytest.raises(UsageError):
        Service([Brightness()], bank=f"{bank.path}-elsewhere")


def test_bad_queries(bright: Bank) -> None:
    with serving([Brightness()], bank=str(bright.path)) as server, client_of(server) as client:
        for body in (
            {},
            {"query": ""},
            {"query": " "},
            {"query": "x", "k": 0},
            {"query": "x", "k": 1001},
            {"query": "x" * 2001},
            {"query": 3},
            {"query": "x", "like": "y"},
            {"like": ""},
            {"query": "x", "find": "patient"},
            {"query": "x", "per": "hospital"},
            {"query": "x", "where": ""},
            {"query": "x", "where": "a" * 2001},
            {"query": "x", "model": ["brightness"] * 2},
            {"query": "x", "model": ["x" * 301]},
            {"query": "x", "find": "report"},
            {"query": "x", "bm25": True},
            {"query": "\ud800"},
            {"query": "-x"},
        ):
            assert client.post("/v1/search", content=json.dumps(body), headers=JSON).status_code == 422


def test_scans_and_slices_of_the_bank_are_searched_by(bright: Bank) -> None:
    rows = bright.sql(
        "SELECT v.volume, s.slice FROM volumes v JOIN slices s USING (volume) WHERE s.index = 0 ORDER BY v.ordinal"
    ).to_pylist()
    with serving([Brightness()], bank=str(bright.path)) as server, client_of(server) as client:
        alike = client.post("/v1/search", json={"like": rows[0]["volume"]}).json()
        assert [hit["volume"] for hit in alike["hits"]] == [rows[1]["volume"], rows[2]["volume"]]
        assert alike["model"] == "brightness"
        slices = client.post("/v1/search", json={"like": rows[2]["slice"], "find": "slice"}).json()
        assert {hit["volume"] for hit in slices["hits"]} == {rows[0]["volume"], rows[1]["volume"]}
        assert [len(hit["slice"]) for hit in slices["hits"]] == [32, 32]
        for name in ("0" * 32, "/etc/passwd", "1.2.3", str(bright.path), "a'b"):
            refused = client.post("/v1/search", content=json.dumps({"like": name}), headers=JSON)
            assert refused.status_code == 422
            assert "no scan and no slice of the bank has that id" in refused.json()["detail"]
            assert name not in refused.text


def test_filters_are_answered_or_refused_without_what_lies_behind(bright: Bank) -> None:
    with serving([Brightness()], bank=str(bright.path)) as server, client_of(server) as client:
        body = {"query": "bright", "where": "slices = 6 AND plane = 'axial'", "per": "patient"}
        found = client.post("/v1/search", json=body).json()
        assert (len(found["hits"]), found["per"]) == (3, "patient")
        assert client.post("/v1/search", json={"query": "bright", "where": "slices > 6"}).json()["hits"] == []
        for where in ("slices = 6; SELECT 1", "slices IN (SELECT 6)", "read_text('/etc/passwd') = 'x'", "slices = 'secret'", "secret("):
            refused = client.post("/v1/search", json={"query": "bright", "where": where})
            assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
            assert "the filter" in refused.json()["detail"] or "of a filter" in refused.json()["detail"]
            assert not [word for word in ("secret", "passwd", "SELECT", str(bright.path)) if word in refused.text]


def test_words_of_reports_rank_alone_where_no_model_can(bank: Bank) -> None:
    reports(bank, [(0, "A cyst."), (1, "Large effusion."), (2, "Small effusion, effusion.")])
    with serving([Brightness()], bank=str(bank.path)) as server, client_of(server) as client:
        found = client.post("/v1/search", json={"query": "effusion", "bm25": True, "find": "report"}).json()
        assert [hit["study"] for hit in found["hits"]] == ["s2", "s1"]
        assert (found["model"], found["features"]) == ("bm25", "bm25")
        assert "words of reports alone" in found["notes"][0]
        assert str(bank.path) not in json.dumps(found)
        assert client.post("/v1/search", json={"query": "effusion", "find": "report"}).status_code == 422
