"""`/v1/embed/image` and `/v1/embed/volume`: files in, read in memory, prepared as the model wants them."""

from __future__ import annotations

from collections.abc import Mapping
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
from .openapi import Model, binary, vectors_answer
from .problems import Problem, documented
from .scans import read_image, read_volume
from .schemas import Vectors, VolumeVectors
from .service import Service

_IMAGES = {
    "image/png": "A PNG; colours become grey.",
    "image/jpeg": "A JPEG; colours become grey.",
    "application/dicom": "A DICOM file of one slice.",
    FORM: "Files of these kinds, one vector each.",
}
_NIFTI = "A NIfTI file of one 3D volume in HU (.nii)"
_SCANS = {
    "application/octet-stream": f"{_NIFTI}, as it is or gzipped; a zip archive; or a DICOM file.",
    "application/gzip": f"{_NIFTI}, gzipped.",
    "application/x-gzip": f"{_NIFTI}, gzipped.",
    "application/zip": "A zip archive of the DICOM files of one series, or of one NIfTI file.",
    "application/dicom": "One DICOM file: an enhanced CT of many frames, or a scan of one slice.",
    FORM: "The DICOM files of one series, in any order; or one file of another kind.",
}
IMAGE_TYPES, VOLUME_TYPES = tuple(_IMAGES), tuple(_SCANS)
MAX_WINDOWS = 8

_ERRORS = documented(400, 404, 406, 408, 413, 415, 422, 429, 504)
OneWindow = Annotated[
    str | None,
    Query(
        max_length=100,
        description="HU window: a name such as brain, LEVEL/WIDTH, LO..HI, several as channels joined by + (%2B in a URL), or as-is.",
        examples=["brain", "40/80", "-160..240", "brain+subdural+bone", "as-is"],
    ),
]
Windows = Annotated[
    list[str] | None,
    Query(
        max_length=MAX_WINDOWS,
        description="HU windows as `/v1/embed/image` takes one, one result each; by default the model's own.",
        examples=[["lung", "mediastinum"]],
    ),
]
Exported = Annotated[
    str | None, Query(max_length=100, description="The HU window that PNG or JPEG were saved with, if any.", examples=["brain"])
]
AcceptHu = Annotated[
    bool,
    Query(description="Take voxels that should be HU and do not look like it as they are, without a note; else 422.", examples=[True]),
]
Depth = Annotated[bool, Query(description="Vectors along depth too: of the model's steps, or of the slices.", examples=[False])]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["embed"])
    limits = service.limits

    @routes.post(
        "/v1/embed/image",
        summary="Vectors of slices: PNG, JPEG or DICOM files of one slice",
        response_class=Response,
        responses={200: vectors_answer(Vectors), **_ERRORS},
        openapi_extra=_body(_IMAGES, "One file, or several as parts of a form. Images without HU are taken as they are."),
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
        openapi_extra=_body(_SCANS, "NIfTI (also gzipped), a zip archive of the DICOM files of one series, or these as parts of a form."),
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
            base = _base(served, volume)
            views = [base.with_windows(w) for w in asked] or [base]
            results = await volume_results(volume, views, served, service.readers, share, depth=depth and not as_raw)
            if as_raw:
                return raw(np.stack([one.vector for one in results]), served, scan.notes)
            slices = int(volume.voxels.shape[volume.slice_axis])
            return as_json(served, slices=slices, results=[one.to_json() for one in results], notes=scan.notes)

        return await service.answer(request, read, work)

    return routes


def _body(kinds: Mapping[str, str], description: str) -> dict[str, Any]:
    """What the OpenAPI says of a body of files; `kinds` tells what each content type holds."""
    content = {kind: _form(told) if kind == FORM else binary(told) for kind, told in kinds.items()}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def _form(told: str) -> dict[str, Any]:
    files = {"type": "array", "minItems": 1, "items": binary("One file; its name is not looked at.")["schema"], "description": told}
    return {
        "schema": {"type": "object", "required": ["file"], "properties": {"file": files}},
        "encoding": {"file": {"contentType": "application/octet-stream"}},
    }


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
