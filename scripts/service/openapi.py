"""What the OpenAPI says of bodies and answers that routes read and write by themselves, and of who may ask."""

from __future__ import annotations

from typing import Annotated, Any, final

from fastapi import FastAPI, Query
from pydantic import BaseModel

from .answers import RAW
from .examples import ANSWERS
from .guard import OPEN

Model = Annotated[
    str | None,
    Query(max_length=300, description="As `GET /v1/models` names it; by default the first that fits.", examples=["tiny@1", "tiny"]),
]
"""The parameter of all routes that choose a model."""

_SECURITY = "bearer"
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token that the service was started with. On loopback it may have none: then no operation here has `security`.",
}


@final
class Application(FastAPI):
    """An application whose OpenAPI has examples of answers, and tells which operations need a token."""

    token_needed = False

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        described = super().openapi()
        described["components"]["securitySchemes"] = {_SECURITY: _SCHEME}
        for name, examples in ANSWERS.items():
            described["components"]["schemas"][name]["examples"] = examples
        for path, methods in described["paths"].items():
            for operation in methods.values():
                if self.token_needed and path not in OPEN:
                    operation["security"] = [{_SECURITY: []}]
        return described


def binary(description: str) -> dict[str, Any]:
    """A body or an answer of bytes. There is no example: JSON cannot hold one."""
    return {"schema": {"type": "string", "format": "binary", "description": description}}


def json_body(schema: type[BaseModel]) -> dict[str, Any]:
    """A body of JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema.model_json_schema()}}}}


def vectors_answer(schema: type[BaseModel]) -> dict[str, Any]:
    """An answer that may be numbers alone."""
    headers = {
        "X-Scanbank-Shape": _header("Rows and numbers a row, of raw float32.", "2,128"),
        "X-Scanbank-Spec": _header("Digest of the encoder's spec, of raw float32.", "991dcee241f61404d962fea7d93c99fe"),
        "X-Scanbank-Notes": _header(
            "What is `notes` in JSON, of raw float32: a JSON list in ASCII; left out where it is empty.",
            '["flags of the scan: missing_slices"]',
        ),
    }
    return {
        "model": schema,
        "content": {RAW: binary("Little-endian float32, row after row.")},
        "headers": headers,
        "description": "Vectors; with `Accept: application/octet-stream` as raw float32.",
    }


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", "examples": [example]}}
