"""The service keeps what its OpenAPI says, as schemathesis finds by generated requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import nibabel as nib
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from scanbank.embed.registry import open_encoder
from scanbank.scripts.service.app import application
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.server import Server
from scanbank.scripts.service.service import Service
from service_servers import MIB, Gated, client_of, png_of, serving, url_of

OPERATIONS = [
    ("get", "/healthz"),
    ("get", "/metrics"),
    ("get", "/v1/models"),
    ("post", "/v1/embed/text"),
    ("post", "/v1/embed/image"),
    ("post", "/v1/embed/volume"),
    ("post", "/v1/encode/text"),
    ("post", "/v1/encode/slice"),
    ("post", "/v1/encode/volume"),
    ("post", "/v1/search"),
]
# A file of random bytes fits "binary" and is no scan; a model's name that is any text is none that is served.
EXCLUDED: list[CheckFunction] = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    encoders = [open_encoder("tiny", device="cpu"), open_encoder("intensity")]
    with serving(encoders, Limits(max_bytes=MIB, timeout_s=20)) as running:
        yield running


@pytest.fixture(scope="module")
def schema(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{url_of(server)}/openapi.json")


def check(schema: Any, method: str, path: str, examples: int) -> None:
    operation = schema[path][method.upper()]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        case.call_and_validate(excluded_checks=EXCLUDED, timeout=30)

    run()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_few_requests_to_each(schema: Any, method: str, path: str) -> None:
    check(schema, method, path, 8)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_many_requests_to_each(schema: Any, method: str, path: str) -> None:
    check(schema, method, path, 400)


def test_every_operation_is_tried(server: Server) -> None:
    with client_of(server) as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert sorted((method, path) for path, methods in paths.items() for method in methods) == sorted(OPERATIONS)


def test_every_body_and_error_has_an_example_or_a_schema() -> None:
    described = application(Service([Gated()])).openapi()
    for methods in described["paths"].values():
        for route in methods.values():
            assert route["summary"]
            for status, response in route["responses"].items():
                if status != "200":
                    (kind,) = response["content"]
                    assert kind == "application/problem+json"
                    assert response["content"][kind]["example"]["status"] == int(status)
    for path in ("/v1/embed/text", "/v1/search"):
        (body,) = described["paths"][path]["post"]["requestBody"]["content"].values()
        assert body["schema"]["examples"]


def described(*, token_needed: bool = False) -> Any:
    """As a client gets it: tuples are lists there."""
    return json.loads(json.dumps(application(Service([Gated()]), token_needed=token_needed).openapi()))


def check_examples(schema: dict[str, Any], whole: dict[str, Any]) -> None:
    """At least one example, and all of them as the schema says, which may refer to the `whole`."""
    reference = schema.get("$ref", "")
    found = whole["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema
    assert found["examples"], found
    resolvable = {**schema, "components": whole["components"]}
    for example in found["examples"]:
        assert list(jsonschema_rs.iter_errors(resolvable, example)) == []
    assert not jsonschema_rs.is_valid(resolvable, {"nothing": 1})


def test_answers_and_parameters_have_examples_that_are_as_their_schemas_say() -> None:
    whole = described()
    answers = parameters = 0
    for methods in whole["paths"].values():
        for route in methods.values():
            for answer in route["responses"]["200"]["content"].items():
                if answer[0] == "application/json":
                    check_examples(answer[1]["schema"], whole)
                    answers += 1
            for parameter in route.get("parameters", ()):
                assert parameter["description"]
                check_examples(parameter["schema"], whole)
                parameters += 1
    assert (answers, parameters) == (6, 4 + 4 + 3 * 2)


def test_every_field_of_every_answer_and_every_binary_body_is_described() -> None:
    whole = described()
    plain = {"hits", "models", "patient", "study"}
    for name, schema in whole["components"]["schemas"].items():
        assert schema["description"], name
        for field, told in schema["properties"].items():
            assert field in plain or told.get("description"), f"{name}.{field}"
    kinds = set[str]()
    for methods in whole["paths"].values():
        for route in methods.values():
            for kind, content in {**route.get("requestBody", {}).get("content", {}), **route["responses"]["200"]["content"]}.items():
                schema = content["schema"]
                if kind == "multipart/form-data":
                    assert schema["properties"]["file"]["description"]
                    assert schema["properties"]["file"]["items"]["description"]
                elif schema.get("format") == "binary":
                    assert schema["description"]
                kinds.add(kind)
    assert {"image/png", "application/zip", "multipart/form-data", "application/x-npy", "application/vnd.safetensors"} <= kinds


def test_a_token_is_described_and_asked_for_where_it_is_needed() -> None:
    for needed in (False, True):
        whole = described(token_needed=needed)
        assert whole["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        assert "Authorization: Bearer TOKEN" in whole["info"]["description"]
        secured = {path for path, methods in whole["paths"].items() for route in methods.values() if route.get("security")}
        assert secured == ({path for _, path in OPERATIONS} - {"/healthz"} if needed else set())
    with serving([Gated()], token="a-token-of-enough-characters") as server, client_of(server) as client:
        assert client.get("/openapi.json").json()["paths"]["/metrics"]["get"]["security"] == [{"bearer": []}]


def test_answers_are_as_their_schemas_say(server: Server) -> None:
    """Those that generated requests hardly ever get."""
    hu = np.random.default_rng(0).integers(-1000, 1000, (10, 24, 24)).astype(np.int16)
    with client_of(server) as client:
        whole = client.get("/openapi.json").json()
        scan = nib.Nifti1Image(hu.T, np.diag([-3.0, -3.0, 5.0, 1.0])).to_bytes()
        answers = {
            "/v1/embed/text": client.post("/v1/embed/text", json={"texts": ["a"]}),
            "/v1/embed/image": client.post("/v1/embed/image", files=[("file", ("x", png_of(np.eye(9) > 0)))]),
            "/v1/embed/volume": client.post("/v1/embed/volume", content=scan, headers={"Content-Type": "application/octet-stream"}),
        }
    for path, answer in answers.items():
        assert answer.status_code == 200
        schema = whole["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert list(jsonschema_rs.iter_errors({**schema, "components": whole["components"]}, answer.json())) == []
        fields = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        assert answer.json().keys() <= fields.keys()


def test_a_failure_would_be_noticed(schema: Any) -> None:
    """The checks are on: an answer that is not as described is reported."""
    case = schema["/healthz"]["GET"].Case()
    response = case.call()
    response.status_code = 418
    with pytest.raises(FailureGroup):
        case.validate_response(response)
