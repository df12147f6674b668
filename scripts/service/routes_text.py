"""`/v1/embed/text` and `/v1/search`: JSON in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from .answers import RAW, as_json, raw, wants_raw
from .body import read_json
from .budget import Share
from .checks import check_texts
from .models import Served
from .problems import Problem, documented
from .schemas import SearchAnswer, SearchRequest, TextRequest, Vectors
from .service import Service

_ERRORS = documented(400, 404, 406, 408, 413, 415, 422, 429, 504)


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post(
        "/v1/embed/text",
        tags=["embed"],
        summary="Vectors of texts",
        response_class=Response,
        responses={200: vectors_answer(Vectors), **_ERRORS},
        openapi_extra=json_body(TextRequest),
    )
    async def embed_text(request: Request) -> Response:
        as_raw = wants_raw(request)

        async def read(share: Share) -> tuple[Served, list[str]]:
            asked = await read_json(request, TextRequest, service.limits.max_json, share)
            return service.models.get(asked.model, "text"), check_texts(asked.texts, service.limits)

        async def work(given: tuple[Served, list[str]], _: Share) -> Response:
            served, texts = given
            vectors = (await served.encode("text", texts)).vector
            return raw(vectors, served) if as_raw else as_json(served, vectors=vectors.tolist())

        return await service.answer(request, read, work)

    @routes.post(
        "/v1/search",
        tags=["search"],
        summary="Scans of the bank that a text fits best",
        response_class=Response,
        responses={200: {"model": SearchAnswer}, **_ERRORS},
        openapi_extra=json_body(SearchRequest),
    )
    async def search(request: Request) -> Response:
        searching = service.search
        if searching is None:
            raise Problem(404, "the service has no bank to search; it was started without one")

        async def read(share: Share) -> SearchRequest:
            return await read_json(request, SearchRequest, service.limits.max_json, share)

        async def work(asked: SearchRequest, _: Share) -> Response:
            return JSONResponse(await searching.run(asked))

        return await service.answer(request, read, work)

    return routes


def json_body(schema: type[BaseModel]) -> dict[str, Any]:
    """What the OpenAPI says of a body that the route reads by itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema.model_json_schema()}}}}


def vectors_answer(schema: type[BaseModel]) -> dict[str, Any]:
    """What the OpenAPI says of an answer that may be numbers alone."""
    binary = {"schema": {"type": "string", "format": "binary"}, "example": "little-endian float32, row after row"}
    return {"model": schema, "content": {RAW: binary}, "description": "Vectors; with `Accept: application/octet-stream` as raw float32."}
