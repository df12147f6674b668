"""Which feature sets an embedding fills, from what the user asks for and the encoder offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..store.errors import EncoderError
from ..store.slice_policy import ALL
from ..store.specs import FeatureKey, Kind, ViewSpec
from .assembly import layer_name
from .encoder import Encoder, Side
from .gridded import check_plane_order
from .views import check_spec


@final
@dataclass(frozen=True)
class Outputs:
    """What is kept of what an encoder gives."""

    depth: bool = True
    """Vectors along depth, where it gives them."""
    slices: bool = False
    """Vectors of slices, also of an encoder that takes volumes."""
    layers: tuple[int, ...] = ()
    """Blocks whose tokens are kept, numbered from 1."""


def side_of(encoder: Encoder, outputs: Outputs) -> Side:
    """Whether scans go in whole or by their slices: whole where the encoder takes volumes, unless slices are asked for.

    Raises:
        EncoderError: the encoder takes no scans, or not their slices.
    """
    if not encoder.offers & {"volume", "slice"}:
        raise EncoderError(f"encoder {encoder.spec.name!r} takes neither volumes nor slices")
    if outputs.slices and "slice" not in encoder.offers:
        raise EncoderError(f"encoder {encoder.spec.name!r} takes volumes alone; leave --slices out")
    return "volume" if "volume" in encoder.offers and not outputs.slices else "slice"


def keys_of(encoder: Encoder, views: Sequence[ViewSpec], outputs: Outputs | None = None) -> list[FeatureKey]:
    """The feature sets that embedding with these views fills.

    Of volumes where the encoder takes volumes, else of slices; under a view that resamples to mm or gives a shape, slices are planes
    along depth, and the set is of kind `depth`.

    Raises:
        EncoderError: the encoder takes no scans, a view does not fit it, or it has no such block.
        ViewError: a view is malformed, so that no scan could give it.
    """
    outputs = outputs or Outputs()
    side = side_of(encoder, outputs)
    encoder.check_layers(outputs.layers)
    whole = side == "volume"
    keys: list[FeatureKey] = []
    for view in dict.fromkeys(views):
        check_spec(view)
        encoder.check_view(view)
        if whole and view.slices != ALL:
            raise EncoderError(
                f"encoder {encoder.spec.name!r} takes whole scans, and the view takes {view.slices} of their slices; leave it out"
            )
        resampled = side == "slice" and is_resampled(view)
        if side == "slice" and not resampled:
            check_plane_order(view)
        plain: Kind = "depth" if resampled else "volume" if side == "volume" else "slice"
        kinds: list[tuple[Kind, str]] = [(plain, "")]
        if side == "volume" and outputs.depth and encoder.gives_depth:
            kinds.append(("depth", ""))
        if outputs.layers and resampled:
            raise EncoderError("tokens are kept of the scan's own slices or of whole volumes; leave --spacing and --shape out, or --layers")
        tokens: list[tuple[Kind, str]] = [("tokens", layer_name(layer)) for layer in outputs.layers]
        keys += [FeatureKey(kind, encoder.spec, view, layer) for kind, layer in [*kinds, *tokens]]
    return keys


def is_resampled(view: ViewSpec) -> bool:
    """Whether the view's planes are not the scan's own."""
    return bool(view.spacing_mm or view.shape or view.align)


def is_of_content(view: ViewSpec) -> bool:
    """Whether scans of equal content give the same voxels under the view. Each may have masks of its own."""
    return not view.mask.startswith("user:")


def is_aided(view: ViewSpec) -> bool:
    """Whether the view needs more than the scan: made where the scan is decoded, on the CPU."""
    return bool(view.mask or view.align)


def is_plain(view: ViewSpec) -> bool:
    """Whether the view's geometry is the scan's own, so that nothing has to be computed for it."""
    return not (is_resampled(view) or view.size or view.mask or view.align)
