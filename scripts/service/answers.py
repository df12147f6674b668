"""Vectors as the client wants them: JSON, or the numbers alone as little-endian float32."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from safetensors.numpy import save
from starlette.responses import JSONResponse, Response

from ...embed.encoder import Encoded
from .models import Served
from .problems import Problem

RAW = "application/octet-stream"
TENSORS = "application/vnd.safetensors"
_HEADER_NOTES = 16
"""Notes that a header holds: clients take headers of some KiB."""


def wants_raw(request: Request) -> bool:
    """Whether the answer is to be numbers alone. Raises Problem 406 where it is to be something else than can be had."""
    accept = request.headers.get("accept", "*/*").lower()
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    if any(kind in ("*/*", "application/*", "application/json", "") for kind in kinds):
        return False
    if RAW in kinds:
        return True
    raise Problem(406, f"answers are application/json or {RAW}")


def raw(vectors: NDArray[np.float32], served: Served, notes: Sequence[str] = ()) -> Response:
    """(n, D) row after row; the shape, the encoder's digest and, where there are any, notes (a JSON list) are in headers."""
    headers = {"X-Scanbank-Shape": ",".join(map(str, vectors.shape)), "X-Scanbank-Spec": served.encoder.spec.digest}
    if notes:
        more = [f"and {len(notes) - _HEADER_NOTES} more"] if len(notes) > _HEADER_NOTES else []
        headers["X-Scanbank-Notes"] = json.dumps([*notes[:_HEADER_NOTES], *more])  # ASCII, as headers must be
    return Response(np.ascontiguousarray(vectors, "<f4").tobytes(), media_type=RAW, headers=headers)


def as_json(served: Served, **values: Any) -> Response:
    """With what tells which space the vectors are of."""
    spec = served.encoder.spec
    return JSONResponse({"model": spec.name, "digest": spec.digest, "dim": spec.dim, **values})


def tensors(encoded: Encoded, served: Served) -> Response:
    """Everything that an encoder gave, as a safetensors file: `vector`, and where given `depth`, `depth_mask`, `whole`."""
    named = {"vector": encoded.vector, "depth": encoded.depth, "depth_mask": encoded.depth_mask, "whole": encoded.whole}
    arrays = {name: np.ascontiguousarray(array) for name, array in named.items() if array is not None}
    return Response(save(arrays), media_type=TENSORS, headers={"X-Scanbank-Spec": served.encoder.spec.digest})


def finite_or_none(values: NDArray[np.floating[Any]]) -> list[float | None]:
    """JSON knows no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]
