"""Pixels and text in, vectors out: views, encoders, the pipeline. Imports `store`, and torch only where an encoder or a view needs it."""

from .encoder import Encoded, Encoder, Side
from .named import open_named
from .registry import encoder_schemes, open_encoder
from .views import check_view, slice_batches, slice_pixels, volume_batches, volume_voxels

__all__ = [
    "Encoded",
    "Encoder",
    "Side",
    "check_view",
    "encoder_schemes",
    "open_encoder",
    "open_named",
    "slice_batches",
    "slice_pixels",
    "volume_batches",
    "volume_voxels",
]
