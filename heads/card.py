"""A fitted head as JSON and arrays, and back. Names come from a closed table, values are checked before anything is built."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ScanbankError, UsageError
from ..store.specs import EncoderSpec, FeatureKey, ViewSpec
from .attention_mil import AttentionMILHead
from .base import AnyHead
from .cosine import CosineHead
from .flatten import FlattenHead
from .fusion import FusionHead
from .knn import KNNHead
from .late_fusion import LateFusionHead
from .linear import LinearHead
from .prototype import PrototypeHead
from .router import RouterHead
from .slice_transformer import SliceTransformerHead
from .slice_votes import SliceHead
from .zeroshot import ZeroShotHead

ESTIMATORS: dict[str, type[AnyHead[Any]]] = {
    "attention_mil": AttentionMILHead,
    "cosine": CosineHead,
    "flatten": FlattenHead,
    "fusion": FusionHead,
    "knn": KNNHead,
    "late_fusion": LateFusionHead,
    "linear": LinearHead,
    "prototype": PrototypeHead,
    "router": RouterHead,
    "slice_transformer": SliceTransformerHead,
    "slices": SliceHead,
    "zeroshot": ZeroShotHead,
}
"""What the files call a head. These names never change, whatever becomes of the classes."""
_PARAM = "param."
"""Before the names of parameters that are arrays, among the arrays."""
_DTYPES = ("float64", "int64")
_SCALARS = (bool, int, float, str, type(None))


class HeadFileError(ScanbankError, ValueError):
    """The files of a head are missing, damaged or of a format that this version does not read."""


def described(head: AnyHead[Any]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """A fitted head as (JSON, arrays).

    Raises:
        UsageError: the head is none of scanbank's, or a parameter is neither a plain value nor an array of numbers.
    """
    names = [name for name, made in ESTIMATORS.items() if type(head) is made]
    if not names:
        raise UsageError(f"a head of type {type(head).__name__} cannot be saved; choose one of {', '.join(ESTIMATORS)}")
    plain: dict[str, Any] = {}
    arrays = {name: np.ascontiguousarray(getattr(head, name)) for name in head.LEARNED}
    for name, value in head.get_params(deep=False).items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, _SCALARS):
            plain[name] = value
        elif (array := np.asarray(value)).dtype.kind in "fiu":
            arrays[_PARAM + name] = np.ascontiguousarray(array, dtype=np.float64)
        else:
            raise UsageError(
                f"parameter {name!r} of {type(head).__name__} is a {type(value).__name__}; numbers, texts or arrays can be saved"
            )
    return {"head": names[0], "params": plain, "classes": head.classes_.tolist(), "width": int(head.n_features_in_)}, arrays


def rebuilt(data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> AnyHead[Any]:
    """The inverse of `described`.

    Raises:
        HeadFileError: a name or a type is not what it should be.
    """
    made = ESTIMATORS.get(str(data["head"]))
    if made is None:
        raise HeadFileError(f"head {data['head']!r} is not known to this version; it knows {', '.join(ESTIMATORS)}")
    given = {name.removeprefix(_PARAM): array for name, array in arrays.items() if name.startswith(_PARAM)}
    learned = {name: array for name, array in arrays.items() if not name.startswith(_PARAM)}
    params, known = {**data["params"], **given}, set(made().get_params(deep=False))
    if set(params) != known or not all(isinstance(v, _SCALARS) for v in data["params"].values()):
        raise HeadFileError(f"head {data['head']!r} has parameters {sorted(params)}; plain values of {sorted(known)} are wanted")
    if set(learned) != set(made.LEARNED) or not all(str(a.dtype) in _DTYPES and np.isfinite(a).all() for a in arrays.values()):
        raise HeadFileError(f"head {data['head']!r} has arrays {sorted(learned)}; finite ones of {sorted(made.LEARNED)} are wanted")
    classes = np.asarray(data["classes"])
    if classes.ndim != 1 or len(classes) < 2 or classes.dtype.kind not in "bifU" or not isinstance(data["width"], int):
        raise HeadFileError(
            f"head {data['head']!r} has classes {data['classes']!r} and width {data['width']!r}; two names or more, a number"
        )
    head = made(**params)
    for name, value in {**learned, "classes_": classes, "n_features_in_": data["width"]}.items():
        setattr(head, name, value)
    return head


def key_to_dict(key: FeatureKey) -> dict[str, Any]:
    return {"kind": key.kind, "encoder": key.encoder.to_dict(), "view": key.view.to_dict(), "layer": key.layer}


def key_from_dict(data: dict[str, Any]) -> FeatureKey:
    """The inverse of `key_to_dict`, also after JSON made lists of the tuples."""
    return FeatureKey(data["kind"], EncoderSpec.from_dict(data["encoder"]), ViewSpec.from_dict(data["view"]), data["layer"])
