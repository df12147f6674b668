"""What the service is and how it fares: `/`, `/healthz`, `/metrics`, `/v1/models`."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .examples import METRICS
from .metrics import CONTENT_TYPE
from .problems import documented
from .schemas import Health, ModelList
from .service import Service


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["service"])

    @routes.get("/", include_in_schema=False)
    async def root(request: Request) -> Response:
        return HTMLResponse(_page(request.app.openapi()))

    @routes.get(
        "/healthz", summary="Whether it takes requests", response_class=Response, responses={200: {"model": Health}, **documented()}
    )
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @routes.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: _METRICS, **documented()})
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @routes.get(
        "/v1/models",
        summary="The models served, and the limits",
        response_class=Response,
        responses={200: {"model": ModelList}, **documented()},
    )
    async def models() -> Response:
        limits = service.limits
        told = {"max_bytes": limits.max_bytes, "max_items": limits.max_items, "max_text": limits.max_text, "max_json": limits.max_json}
        return JSONResponse({"models": [one.describe() for one in service.models], "limits": told})

    return routes


_METRICS = {"description": "Exposition format 0.0.4.", "content": {"text/plain": {"schema": {"type": "string", "examples": [METRICS]}}}}


def _page(openapi: Mapping[str, Any]) -> str:
    """A page without scripts or anything from elsewhere: a hospital's network may lead nowhere."""
    rows = "".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td><td>{html.escape(route.get('summary', ''))}</td></tr>"
        for path, methods in openapi["paths"].items()
        for method, route in methods.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>scanbank service</title>'
        "<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}td{padding:.2em 1em .2em 0}</style>"
        "<h1>scanbank service</h1><p>Vectors of scans, slices and texts, and search. "
        'Every request and answer is described in <a href="/openapi.json">openapi.json</a>; '
        'how it fares is at <a href="/healthz">healthz</a>, <a href="/metrics">metrics</a> and <a href="/v1/models">models</a>.</p>'
        f"<table>{rows}</table></html>"
    )
