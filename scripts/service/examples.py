"""Examples of answers for the OpenAPI. Vectors are cut to two numbers."""

from __future__ import annotations

from typing import Any

from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS

_SPEC = EncoderSpec("intensity", "1", 43)
_VIEW = ViewSpec((PRESETS["lung"],))
_OF_INTENSITY = {"model": _SPEC.name, "digest": _SPEC.digest, "dim": _SPEC.dim}
_OF_TINY = {"model": "tiny@1", "digest": "991dcee241f61404d962fea7d93c99fe", "dim": 128}

_TEXT_VECTORS: dict[str, Any] = {**_OF_TINY, "vectors": [[0.031, -0.118], [-0.024, 0.097]]}
_IMAGE_VECTORS: dict[str, Any] = {
    **_OF_INTENSITY,
    "vectors": [[0.402, 0.215], [0.398, 0.221]],
    "view": _VIEW.digest,
    "window": _VIEW.window_label,
    "notes": ["image 2: flags of the scan: no_rescale"],
}
_VOLUME_VECTORS: dict[str, Any] = {
    **_OF_INTENSITY,
    "slices": 2,
    "results": [
        {
            "window": _VIEW.window_label,
            "view": _VIEW.digest,
            "kind": "slice",
            "vector": [0.4, 0.218],
            "steps": {"vectors": [[0.402, 0.215], [0.398, 0.221]], "z_mm": [-120.5, -115.5]},
        }
    ],
    "notes": [
        "1 of 3 files was left out: truncated: expected 524288 bytes of pixel data, found 1024 (1)",
        "flags of the scan: missing_slices",
    ],
}
_FOUND: dict[str, Any] = {
    "model": "tiny@1",
    "find": "volume",
    "per": "study",
    "features": "tiny@1/ctclip,4x3x3mm,80x96x128/volume",
    "searched": 120,
    "studies": 84,
    "without_vector": 2,
    "hits": [
        {
            "rank": 1,
            "score": 0.274,
            "patient": "5f1d7a84de2c9b3b83e1f6c20a97d45e",
            "study": "c0a9e4417f5b2d6619b8e03d5c7a42f1",
            "volume": "0b7e55f2a9d14c38e6d2705f91ab8c34",
            "ordinal": 1290,
            "places": [{"z_mm": -212.5, "index": 41, "score": 0.311}, {"z_mm": None, "index": None, "score": 0.204}],
            "slice": "7d40c2be91f0a65538e2c4179bd36fa0",
            "sentence": {
                "text": "Moderate left pleural effusion.",
                "section": "findings",
                "snippet": "e41f8a03c97d5b62a08f4e1b63c7d925",
                "score": 0.412,
                "by": "cosine",
            },
            "standings": [{"ranking": "tiny@1/ctclip,4x3x3mm,80x96x128/volume", "rank": 1, "score": 0.274}],
        }
    ],
    "notes": [],
}
_MODELS: dict[str, Any] = {
    "models": [
        {
            "name": _SPEC.name,
            "digest": _SPEC.digest,
            "spec": _SPEC.to_dict(),
            "view": _VIEW.to_dict(),
            "offers": ["slice"],
            "channels": [1],
            "size": None,
            "gives_depth": False,
            "note": "",
        }
    ],
    "limits": {"max_bytes": 1 << 30, "max_items": 256, "max_text": 20_000, "max_json": 1 << 24},
}
_HEALTH: dict[str, Any] = {"status": "ok"}
METRICS = '# TYPE scanbank_requests_total counter\nscanbank_requests_total{route="/v1/embed/text",status="200"} 3.0\n'

ANSWERS: dict[str, list[dict[str, Any]]] = {
    "Vectors": [_TEXT_VECTORS, _IMAGE_VECTORS],
    "VolumeVectors": [_VOLUME_VECTORS],
    "SearchAnswer": [_FOUND],
    "ModelList": [_MODELS],
    "Health": [_HEALTH],
}
"""By the name of the schema. They are put in when all else is made, as FastAPI leaves out what is null in examples of its own."""
