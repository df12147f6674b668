"""`/v1/embed/image` and `/v1/embed/volume`: files in, read in memory, prepared as the model wants them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ...store.scan import Volume
from ...store.specs import ViewSpec
from .answers import as_json, raw, wants_raw
from .body import FORM, read_body, read_files, require_type
from .budget import Share
from .checks import exported_window_of, windows_of
from .encoding import volume_results
from .images import image_pixels
from .models import Served
from .problems import Problem, documented
from .routes_text import vectors_answer
from .scans import read_image, read_volume
from .schemas import Vectors, VolumeVectors
from .service import Service

IMAGE_TYPES = ("image/png", "image/jpeg", "application/dicom", FORM)
VOLUME_TYPES = ("application/octet-stream", "application/gzip", "application/x-gzip", "application/zip", "application/dicom", FORM)
MAX_WINDOWS = 8

_ERRORS = documented(400, 404, 406, 408, 413, 415, 422, 429, 504)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}},
    },
    "encoding": {"file": {"contentType": "application/octet-stream"}},
}

Model = Annotated[str | None, Query(max_length=300, description="As `GET /v1/models` names it; by default the first that fits.")]
OneWindow = Annotated[
    str | None,
    Query(max_length=100, description="HU window: a name such as brain, LEVEL/WIDTH, LO..HI, several as channels joined by +, or as-is."),
]
Windows = Annotated[list[str] | None, Query(max_length=MAX_WINDOWS, description="HU windows, one result each; by default the model's own.")]
Exported = Annotated[str | None, Query(max_length=100, description="The HU window that PNG or JPEG were saved with, if any.")]
AcceptHu = Annotated[bool, Query(description="Take voxels that should be HU and do not look like it as they are.")]
Depth = Annotated[bool, Query(description="Vectors along depth too: of the model's steps, or of the slices.")]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["embed"])
    limits = service.limits

    @routes.post(
        "/v1/embed/image",
        summary="Vectors of slices: PNG, JPEG or DICOM files of one slice",
        response_class=Response,
        responses={200: vectors_answer(Vectors), **_ERRORS},
        openapi_extra=_body(IMAGE_TYPES, "One file, or several as parts of a form. Images without HU are taken as they are."),
    )
    async def embed_image(
        request: Request,
        model: Model = None,
        window: OneWindow = None,
        exported_window: Exported = None,
        accept_hu: AcceptHu = False,
    ) -> Response:
        as_raw, served = wants_raw(request), service.models.get(model, "slice")
        (asked,) = windows_of([window]) if window is not None else (None,)
        exported = exported_window_of(exported_window)

        async def work(files: list[bytearray], share: Share) -> Response:
            one = partial(read_image, exported_window=exported, limits=limits, decode=service.decoders.run, accept_hu=accept_hu)
            made = await service.readers.run(image_pixels, files, served, asked, exported, one, share)
            vectors = (await served.encode("slice", made.pixels)).vector
            if as_raw:
                return raw(vectors, served, made.notes)
            return as_json(served, vectors=vectors.tolist(), view=made.view.digest, window=made.view.window_label, notes=made.notes)

        async def read(share: Share) -> list[bytearray]:
            files = await _files(request, IMAGE_TYPES, limits.max_items, service, share)
            if not files:
                raise Problem(422, "no file was sent; expected at least one image")
            return files

        return await service.answer(request, read, work)

    @routes.post(
        "/v1/embed/volume",
        summary="Vectors of a scan: NIfTI, a zip of DICOM files, or DICOM files",
        response_class=Response,
        responses={200: vectors_answer(VolumeVectors), **_ERRORS},
        openapi_extra=_body(
            VOLUME_TYPES, "NIfTI (also gzipped), a zip archive of the DICOM files of one series, or these as parts of a form."
        ),
    )
    async def embed_volume(
        request: Request, model: Model = None, window: Windows = None, depth: Depth = True, accept_hu: AcceptHu = False
    ) -> Response:
        as_raw = wants_raw(request)
        served = _of_scans(service, model)
        asked = windows_of(window or [])

        async def read(share: Share) -> list[bytearray]:
            return await _files(request, VOLUME_TYPES, limits.max_files, service, share)

        async def work(files: list[bytearray], share: Share) -> Response:
            scan = await service.readers.run(read_volume, files, limits, share, service.decoders.run, accept_hu)
            volume = scan.volume
            share.take(volume.voxels.nbytes)
            views = [replace(_base(served, volume), windows=w) for w in asked] or [_base(served, volume)]
            results = await volume_results(volume, views, served, service.readers, share, depth=depth and not as_raw)
            if as_raw:
                return raw(np.stack([one.vector for one in results]), served, scan.notes)
            slices = int(volume.voxels.shape[volume.slice_axis])
            return as_json(served, slices=slices, results=[one.to_json() for one in results], notes=scan.notes)

        return await service.answer(request, read, work)

    return routes


def _body(types: tuple[str, ...], description: str) -> dict[str, Any]:
    content = {kind: _FORM if kind == FORM else _BINARY for kind in types}
    return {"requestBody": {"required": True, "description": description, "content": content}}


async def _files(request: Request, types: tuple[str, ...], most: int, service: Service, share: Share) -> list[bytearray]:
    limit = service.limits.max_bytes
    if require_type(request, types) == FORM:
        return await read_files(request, limit, most, share)
    return [await read_body(request, limit, share)]


def _of_scans(service: Service, model: str | None) -> Served:
    """The model for a scan: of volumes where it takes them, else of slices."""
    if model is None:
        scans = [one for one in service.models if one.encoder.offers & {"volume", "slice"}]
        model = scans[0].name if scans else None
    try:
        return service.models.get(model, "volume")
    except Problem as problem:
        if problem.status_code != 422:
            raise
        return service.models.get(model, "slice")


def _base(served: Served, volume: Volume) -> ViewSpec:
    """The encoder's own view; without millimetres where the scan does not tell its spacing."""
    view = served.encoder.view
    return view.fitted if None in volume.spacing_mm else view
