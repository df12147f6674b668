"""`/v1/encode/SIDE`: what is prepared already, for the encoder `http://...` of another machine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from ...embed.encoder import Side
from . import npy
from .answers import TENSORS, tensors
from .batcher import Rows
from .body import read_body, read_json, require_type
from .budget import Share
from .checks import check_rows, check_texts
from .models import Served
from .openapi import Model, binary, json_body
from .problems import Problem, documented
from .schemas import Texts
from .service import Service

NPY = ("application/x-npy", "application/octet-stream")
_AXES: dict[Side, int] = {"slice": 4, "volume": 5}
_ERRORS = documented(400, 404, 408, 409, 413, 415, 422, 429, 504)

Digest = Annotated[
    str | None,
    Header(
        alias="X-Scanbank-Spec",
        max_length=200,
        description="Digest of the encoder that is expected; another one is refused with 409.",
        examples=["991dcee241f61404d962fea7d93c99fe"],
    ),
]

_NPY_TOLD = "A .npy file, version 1.0, of little-endian float32 in C order, in the model's input range."
_NPY_BODY = {"required": True, "description": _NPY_TOLD, "content": dict.fromkeys(NPY, binary(_NPY_TOLD))}
_TENSORS_TOLD = "A safetensors file: `vector` (B, D), and where the model gives it `depth`, `depth_mask`, `whole` (of texts that fit)."
_OK = {"description": _TENSORS_TOLD, "content": {TENSORS: binary(_TENSORS_TOLD)}}
_AT_ONCE = 4 << 20
"""Bytes that are checked between two requests; more are checked aside, so that others need not wait."""


def router(service: Service) -> APIRouter:
    """The routes of tensors and of texts for them."""
    routes = APIRouter(tags=["encode"])

    async def encode(request: Request, side: Side, model: str | None, digest: str | None) -> Response:
        served = service.models.get(model, side)
        if digest is not None and digest != served.encoder.spec.digest:
            raise Problem(409, f"model {served.name} is not the one that is expected: its weights or settings are others")

        async def read(share: Share) -> Rows:
            return await _rows(request, side, served, service, share)

        async def work(rows: Rows, _: Share) -> Response:
            return tensors(await served.encode(side, rows), served)

        return await service.answer(request, read, work)

    @routes.post(
        "/v1/encode/text",
        summary="Vectors of texts as tensors",
        response_class=Response,
        responses={200: _OK, **_ERRORS},
        openapi_extra=json_body(Texts),
    )
    async def encode_text(request: Request, model: Model = None, spec: Digest = None) -> Response:
        return await encode(request, "text", model, spec)

    @routes.post(
        "/v1/encode/slice",
        summary="Vectors of prepared planes (B, C, Y, X)",
        response_class=Response,
        responses={200: _OK, **_ERRORS},
        openapi_extra={"requestBody": _NPY_BODY},
    )
    async def encode_slice(request: Request, model: Model = None, spec: Digest = None) -> Response:
        return await encode(request, "slice", model, spec)

    @routes.post(
        "/v1/encode/volume",
        summary="Vectors of prepared voxels (B, C, Z, Y, X)",
        response_class=Response,
        responses={200: _OK, **_ERRORS},
        openapi_extra={"requestBody": _NPY_BODY},
    )
    async def encode_volume(request: Request, model: Model = None, spec: Digest = None) -> Response:
        return await encode(request, "volume", model, spec)

    return routes


async def _rows(request: Request, side: Side, served: Served, service: Service, share: Share) -> Rows:
    limits = service.limits
    if side == "text":
        asked = await read_json(request, Texts, limits.max_json, share)
        return check_texts(asked.texts, limits)
    require_type(request, NPY)
    rows = npy.parse(await read_body(request, limits.max_bytes, share), _AXES[side])
    if rows.nbytes > _AT_ONCE:
        await service.readers.run(check_rows, served.encoder, side, rows, limits)
    else:
        check_rows(served.encoder, side, rows, limits)
    return rows
