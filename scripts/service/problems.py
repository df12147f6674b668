"""Errors as RFC 9457 problem documents. They say what was expected, and never repeat a value of the request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ...store.errors import EncoderError, ReadError, ScanbankError, UnknownNameError, UsageError, ViewError

MEDIA_TYPE = "application/problem+json"

TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "No or wrong token",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Request came too slowly",
    409: "Another encoder",
    411: "Length required",
    413: "Too large",
    415: "Unsupported content type",
    421: "Misdirected request",
    422: "Cannot be processed",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    503: "Not available",
    504: "Took too long",
}
"""By status; also what the OpenAPI says of each."""


@final
class Problem(HTTPException):
    """What is answered instead of a result. An HTTPException, so that no layer between takes it for a failure of its own."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def too_busy(detail: str, *, seconds: int = 1) -> Problem:
    """429: what is held for others leaves no room now."""
    return Problem(429, detail, headers={"Retry-After": str(seconds)})


def response_of(problem: HTTPException) -> Response:
    status = problem.status_code
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": problem.detail}
    return JSONResponse(body, status, headers=problem.headers, media_type=MEDIA_TYPE)


def told(error: Exception) -> Problem:
    """An error of ours as a problem. Messages of readers, views and encoders are written to be stored: nothing private is in them."""
    match error:
        case UnknownNameError() | UsageError():
            return Problem(422, "a name or an option is not one that is known here; `GET /v1/models` lists the models")
        case ViewError():
            return Problem(422, _as_parameters(str(error)))
        case ReadError() | EncoderError():
            return Problem(422, str(error))
        case ScanbankError():
            return Problem(503, f"the bank cannot be read now ({type(error).__name__})")
        case _:
            return Problem(500, "the request failed; the log has its id")


def _as_parameters(advice: str) -> str:
    """What views advise for the command line, as parameters of a query: `embed with --window brain` as `ask with ?window=brain`."""
    options = re.sub(
        r"--(exported-)?window ([^\s;,:]+)", lambda one: f"?{'exported_' * bool(one[1])}window={quote(one[2], safe='/')}", advice
    )
    return re.sub(r"\b(?:ingest|embed) with (?=\?)", "ask with ", options)


def invalid(error: ValidationError | RequestValidationError, known: Sequence[str] = ()) -> Problem:
    """Where a request differs from its schema, without what it holds: keys that are not ours could be anything."""
    found = [f"{_place(entry['loc'], known)}: {_PLAIN.get(entry['type'], 'not as the schema says')}" for entry in error.errors()[:5]]
    return Problem(422, "; ".join(found) or "the request is not as its schema says")


_PLAIN: Mapping[str, str] = {
    "missing": "is missing",
    "json_invalid": "no valid JSON",
    "extra_forbidden": "is no field of this request",
    "string_type": "expected a text",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
    "list_type": "expected a list",
    "too_long": "has too many entries",
    "too_short": "has no entry",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}


def _place(place: Sequence[Any], known: Sequence[str]) -> str:
    words = [str(part) if isinstance(part, int) or part in known or part in ("query", "header", "body") else "?" for part in place]
    return ".".join(words) or "body"


def install(app: FastAPI) -> None:
    """Every error that the framework meets becomes a problem document."""

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = error.detail if isinstance(error, Problem) else TITLES.get(error.status_code, "Error")
        return response_of(Problem(error.status_code, detail, headers=error.headers))

    async def malformed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response_of(invalid(error, QUERY_NAMES))

    async def ours(_: Request, error: Exception) -> Response:
        return response_of(told(error))

    app.add_exception_handler(Exception, ours)
    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(ScanbankError, ours)


QUERY_NAMES = ("model", "window", "exported_window", "depth", "accept_hu", "side", "X-Scanbank-Spec", "x-scanbank-spec", "accept")
"""What may be named in an error about a query or a header."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: problem documents of these statuses, and of those that any route may give."""
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    }
    return {
        status: {
            "description": TITLES[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": schema,
                    "example": {"type": "about:blank", "title": TITLES[status], "status": status, "detail": "what was expected"},
                }
            },
        }
        for status in sorted({401, 421, 503, *statuses})
    }
