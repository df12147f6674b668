"""The service keeps what its OpenAPI says, as schemathesis finds by generated requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from service_servers import MIB, Gated, client_of, serving, url_of

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


def test_a_failure_would_be_noticed(schema: Any) -> None:
    """The checks are on: an answer that is not as described is reported."""
    case = schema["/healthz"]["GET"].Case()
    response = case.call()
    response.status_code = 418
    with pytest.raises(FailureGroup):
        case.validate_response(response)
