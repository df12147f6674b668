"""`/v1/embed/text` and `/v1/search`: JSON in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from .answers import as_json, raw, wants_raw
from .body import read_json
from .budget import Share
from .checks import check_texts
from .models import Served
from .openapi import json_body, vectors_answer
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
        summary="Scans, slices and reports of the bank that fit words, or are like a scan",
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
