"""Search over HTTP gives what search gives here, through the model's batcher."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from scanbank.eval.search import search
from scanbank.scripts.service.service import Service
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from search_banks import Brightness, Fixed, bright_bank
from service_servers import client_of, serving


@pytest.fixture
def bright(bank: Bank, tmp_path: Path) -> Bank:
    return bright_bank(bank, tmp_path / "scans", Brightness())


def test_hits_are_those_of_a_search_here(bright: Bank) -> None:
    encoder = Brightness()
    (features,) = [one for one in bright.feature_sets if one.key.kind == "volume"]
    expected = asdict(search(bright, encoder, features, "something bright", k=2))
    with serving([encoder], bank=str(bright.path)) as server, client_of(server) as client:
        found = client.post("/v1/search", json={"query": "something bright", "k": 2}).json()
        assert found.pop("model") == "brightness"
        assert found.pop("notes") == []
        assert "query" not in found
        assert found["hits"] == [{**hit, "places": list(hit["places"])} for hit in expected["hits"]]
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
        ):
            assert client.post("/v1/search", json=body).status_code == 422
