"""Bodies of requests, read as they come, into memory, and no further than allowed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from .budget import Share
from .problems import Problem, invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

Schema = TypeVar("Schema", bound=BaseModel)

FORM = "multipart/form-data"


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_type(request: Request, allowed: Sequence[str]) -> str:
    """The content type, one of `allowed`. Raises Problem 415 where it is another, or the body is compressed as a whole."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(415, "the body has a Content-Encoding; expected none")
    found = media_type(request)
    if found not in allowed:
        raise Problem(415, f"expected a body of type {' or '.join(allowed)}")
    return found


async def read_body(request: Request, limit: int, share: Share) -> bytearray:
    """The whole body.

    Raises:
        Problem: 413 where it is larger than `limit`, told from Content-Length before anything is read where there is one.
    """
    body = bytearray()
    async for chunk in _chunks(request, limit, share):
        body += chunk
    return body


async def read_json(request: Request, schema: type[Schema], limit: int, share: Share) -> Schema:
    """The body as JSON of a schema. Raises Problem 413, 415, or 422 that names fields and none of their values."""
    require_type(request, ("application/json",))
    body = await read_body(request, limit, share)
    try:
        return schema.model_validate(json.loads(body, parse_constant=_no_constant))
    except ValidationError as error:
        raise invalid(error, tuple(schema.model_fields)) from None
    except (ValueError, RecursionError):  # of bytes that are no UTF-8 too
        raise Problem(422, "body: no valid JSON") from None


async def read_files(request: Request, limit: int, max_files: int, share: Share) -> list[bytearray]:
    """The parts of a form, in order. Their names are not looked at, and nothing of them is ever written to a file.

    Raises:
        Problem: 413 where body or number of parts are too large, 400 where it is no form.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != FORM.encode() or not options.get(b"boundary"):
        raise Problem(400, "the form has no boundary in its Content-Type")
    form = _Form(max_files)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks)
        async for chunk in _chunks(request, limit, share):
            parser.write(bytes(chunk))
        parser.finalize()
    except FormParserError:
        raise Problem(400, "the form is malformed") from None
    if not form.complete:
        raise Problem(400, "the form ends before its last boundary")
    return form.parts


class _Form:
    def __init__(self, max_files: int) -> None:
        self.parts: list[bytearray] = []
        self.complete = False
        self._max = max_files
        self.callbacks: MultipartCallbacks = {"on_part_begin": self._begin, "on_part_data": self._data, "on_end": self._end}

    def _begin(self) -> None:
        if len(self.parts) >= self._max:
            raise Problem(413, f"the form has more than {self._max} parts")
        self.parts.append(bytearray())

    def _data(self, data: bytes, start: int, stop: int) -> None:
        self.parts[-1] += memoryview(data)[start:stop]

    def _end(self) -> None:
        self.complete = True


async def _chunks(request: Request, limit: int, share: Share) -> AsyncIterator[bytes]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise Problem(413, f"the body has {int(declared)} bytes; expected at most {limit}")
    found = 0
    try:
        async for chunk in request.stream():
            found += len(chunk)
            if found > limit:
                raise Problem(413, f"the body has more than {limit} bytes")
            share.take(len(chunk))
            yield chunk
    except ClientDisconnect:
        raise Problem(400, "the body ended early") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
