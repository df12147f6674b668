"""A fitted head as JSON and arrays, and back. Names come from a closed table, values are checked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ScanbankError, UsageError
from ..store.specs import EncoderSpec, FeatureKey, ViewSpec
from .attention_mil import AttentionMILHead
from .base import AnyHead, Head
from .centroid_normal import CentroidNormalHead
from .clap import CLAPHead
from .clip_adapter import CLIPAdapterHead
from .cls import CosineClsHead, LinearClsHead
from .cosine import CosineHead
from .flatten import FlattenHead
from .fusion import FusionHead
from .knn import KNNHead
from .knn_normal import KNNNormalHead
from .late_fusion import LateFusionHead
from .lda import LDAHead
from .linear import LinearHead
from .linear_path import LinearPathHead
from .lp_plus_plus import LPPlusPlusHead
from .mahalanobis import MahalanobisHead
from .one_class import OneClassHead
from .prototype import PrototypeHead
from .ridge import RidgeHead
from .router import RouterHead
from .slice_transformer import SliceTransformerHead
from .slice_votes import SliceHead
from .tip_adapter import TipAdapterHead
from .tip_adapter_f import TipAdapterFHead
from .zeroshot import ZeroShotHead

Savable = AnyHead[Any] | OneClassHead
ESTIMATORS: dict[str, type[AnyHead[Any]] | type[OneClassHead]] = {
    "centroid_normal": CentroidNormalHead,
    "clap": CLAPHead,
    "clip_adapter": CLIPAdapterHead,
    "cosine": CosineHead,
    "cosine_cls": CosineClsHead,
    "attention_mil": AttentionMILHead,
    "flatten": FlattenHead,
    "fusion": FusionHead,
    "knn": KNNHead,
    "knn_normal": KNNNormalHead,
    "late_fusion": LateFusionHead,
    "lda": LDAHead,
    "linear": LinearHead,
    "linear_cls": LinearClsHead,
    "linear_path": LinearPathHead,
    "lp++": LPPlusPlusHead,
    "mahalanobis": MahalanobisHead,
    "prototype": PrototypeHead,
    "tip_adapter": TipAdapterHead,
    "tip_adapter_f": TipAdapterFHead,
    "router": RouterHead,
    "slice_transformer": SliceTransformerHead,
    "slices": SliceHead,
    "ridge": RidgeHead,
    "zeroshot": ZeroShotHead,
}
"""What the files call a head. These names never change, whatever becomes of the classes."""
_PARAM = "param."
"""Before the names of parameters that are arrays, among the arrays."""
_DTYPES = ("float64", "int64")
_SINCE = frozenset({"class_weight", "metric", "weights", "temperature"})
"""Parameters that heads of this format did not have from the first."""
_SCALARS = (bool, int, float, str, type(None))


class HeadFileError(ScanbankError, ValueError):
    """The files of a head are missing, damaged or of a format that this version does not read."""


def described(head: Savable) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """A fitted head as (JSON, arrays).

    Raises:
        UsageError: the head is none of scanbank's, or a parameter is neither a plain value nor an array of numbers.
    """
    names = [name for name, made in ESTIMATORS.items() if type(head) is made]
    if not names:
        raise UsageError(f"a head of type {type(head).__name__} cannot be saved; choose one of {', '.join(ESTIMATORS)}")
    plain: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for place, one in _parts(head):
        arrays |= {place + name: np.ascontiguousarray(getattr(one, name)) for name in one.LEARNED}
    for name, value in head.get_params(deep=False).items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, _SCALARS):
            plain[name] = value
        elif isinstance(value, Mapping):
            plain[name] = _pairs(value, name, head)
        elif (array := np.asarray(value)).dtype.kind in "fiu":
            arrays[_PARAM + name] = np.ascontiguousarray(array, dtype=np.float64)
        else:
            raise UsageError(
                f"parameter {name!r} of {type(head).__name__} is a {type(value).__name__}; numbers, texts or arrays can be saved"
            )
    data = {"head": names[0], "params": plain, "classes": head.classes_.tolist(), "width": int(head.n_features_in_)}
    if head.columns_:
        data["columns"] = len(head.columns_)
    if head.NOTED:
        data["noted"] = [{name: getattr(one, name) for name in one.NOTED} for _, one in _parts(head)]
    return data, arrays


def rebuilt(data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Savable:
    """The inverse of `described`.

    Raises:
        HeadFileError: a name or a type is not what it should be.
    """
    made = ESTIMATORS.get(str(data["head"]))
    if made is None:
        raise HeadFileError(f"head {data['head']!r} is not known to this version; it knows {', '.join(ESTIMATORS)}")
    given = {name.removeprefix(_PARAM): array for name, array in arrays.items() if name.startswith(_PARAM)}
    learned = {name: array for name, array in arrays.items() if not name.startswith(_PARAM)}
    plain = {**data["params"]}
    if isinstance(pairs := plain.get("class_weight"), list):
        plain["class_weight"] = _mapping(pairs)
    params, defaults = {**plain, **given}, made().get_params(deep=False)
    known = set(defaults)
    # a card from before a parameter was there has no word of it: its default is what was done then
    if not known - _SINCE <= set(params) <= known or not all(isinstance(v, (*_SCALARS, dict)) for v in plain.values()):
        raise HeadFileError(f"head {data['head']!r} has parameters {sorted(params)}; plain values of {sorted(known)} are wanted")
    count = data.get("columns", 0)
    if not isinstance(count, int) or isinstance(count, bool) or not (count == 0 or 1 < count <= len(arrays)):
        raise HeadFileError(f"head {data['head']!r} has {count!r} columns; none, or 2 to as many as it has arrays, are wanted")
    wanted = {place + name for place in _places(count) for name in made.LEARNED}
    if set(learned) != wanted or not all(str(a.dtype) in _DTYPES and np.isfinite(a).all() for a in arrays.values()):
        raise HeadFileError(f"head {data['head']!r} has arrays {sorted(learned)}; finite ones of {sorted(wanted)} are wanted")
    classes = np.asarray(data["classes"])
    if classes.ndim != 1 or len(classes) < 2 or classes.dtype.kind not in "bifU" or not isinstance(data["width"], int):
        raise HeadFileError(
            f"head {data['head']!r} has classes {data['classes']!r} and width {data['width']!r}; two names or more, a number"
        )
    head = made(**params)
    head.classes_, head.n_features_in_ = classes, data["width"]
    if isinstance(head, AnyHead):
        head.columns_ = tuple(head.for_column(column, count) for column in range(count))
    elif count:
        raise HeadFileError(f"head {data['head']!r} has {count} columns; it learns from normals, and has none")
    for one in head.columns_:
        one.classes_, one.n_features_in_, one.columns_ = np.arange(2), data["width"], ()
    noted = data.get("noted", [{}] * max(1, count))
    for (place, one), notes in zip(_parts(head), noted, strict=True):
        if set(notes) != set(made.NOTED) or not all(isinstance(v, _SCALARS) for v in notes.values()):
            raise HeadFileError(f"head {data['head']!r} notes {sorted(notes)}; plain values of {sorted(made.NOTED)} are wanted")
        for name, value in {**{name: learned[place + name] for name in made.LEARNED}, **notes}.items():
            setattr(one, name, value)
    if isinstance(head, Head):
        _try(head, arrays)
    return head


def _try(head: Head, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Score a vector, so that arrays which do not fit together are found here and not by who scores."""
    name, width, wanted = type(head).__name__, head.n_features_in_, len(head.classes_)
    try:
        if width not in {length for array in arrays.values() for length in array.shape}:
            raise ValueError(f"no array has the width {width}")
        found = head.predict_proba(np.ones((1, width)))
        if found.shape != (1, wanted) or not np.isfinite(found).all():
            raise ValueError(f"probabilities of shape {found.shape} where {(1, wanted)} is wanted, or not finite")
    except (ValueError, IndexError, TypeError) as error:
        raise HeadFileError(f"arrays of {name} do not fit together: {error}") from error


def _parts(head: Savable) -> list[tuple[str, Savable]]:
    """The heads that have learned something, the head itself or those of its columns, and what the names of their arrays begin with."""
    return list(zip(_places(len(head.columns_)), head.columns_ or (head,), strict=True))


def _places(columns: int) -> list[str]:
    return [f"column.{number}." for number in range(columns)] or [""]


def _pairs(value: Mapping[Any, Any], name: str, head: Savable) -> list[list[Any]]:
    """A mapping as JSON has it whose keys need not be texts."""
    pairs = [[part.item() if isinstance(part, np.generic) else part for part in pair] for pair in value.items()]
    if not all(isinstance(part, _SCALARS) for pair in pairs for part in pair):
        raise UsageError(f"parameter {name!r} of {type(head).__name__} maps {value!r}; numbers and texts can be saved")
    return pairs


def _mapping(pairs: list[Any]) -> dict[Any, Any]:
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, _SCALARS) for part in pair) for pair in pairs):
        raise HeadFileError(f"{pairs!r} are no pairs of plain values")
    return dict(pairs)


def key_to_dict(key: FeatureKey) -> dict[str, Any]:
    return {"kind": key.kind, "encoder": key.encoder.to_dict(), "view": key.view.to_dict(), "layer": key.layer}


def key_from_dict(data: dict[str, Any]) -> FeatureKey:
    """The inverse of `key_to_dict`, also after JSON made lists of the tuples."""
    return FeatureKey(data["kind"], EncoderSpec.from_dict(data["encoder"]), ViewSpec.from_dict(data["view"]), data["layer"])
