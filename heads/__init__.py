"""Estimators on cached features. Imports `store` only, and never torch.

Names load when they are used first: scikit-learn takes a second to import, and who needs a small module of this folder may fit nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .attention_mil import AttentionMILHead
    from .bags import Bags
    from .base import AnyHead, Head
    from .blocks import Blocks
    from .centroid_normal import CentroidNormalHead
    from .clap import CLAPHead
    from .clip_adapter import CLIPAdapterHead
    from .cls import CosineClsHead, LinearClsHead
    from .cosine import CosineHead
    from .fitted import FittedHead, Keyed
    from .flatten import FlattenHead
    from .fusion import FusionHead
    from .kinds import HEADS, HeadKind, Support, head_named
    from .knn import KNNHead
    from .knn_normal import KNNNormalHead
    from .late_fusion import LateFusionHead
    from .lda import LDAHead
    from .linear import LinearHead
    from .linear_path import LinearPathHead
    from .lp_plus_plus import LPPlusPlusHead
    from .mahalanobis import MahalanobisHead
    from .many import MANY, ManyKind, Sourced, many_named
    from .one_class import OneClassHead
    from .prototype import PrototypeHead
    from .ridge import RidgeHead
    from .router import RouterHead
    from .slice_transformer import SliceTransformerHead
    from .slice_votes import SliceHead
    from .tip_adapter import TipAdapterHead
    from .tip_adapter_f import TipAdapterFHead
    from .zeroshot import ZeroShotHead, zero_shot

__all__ = [
    "HEADS",
    "MANY",
    "AnyHead",
    "AttentionMILHead",
    "Bags",
    "Blocks",
    "CLAPHead",
    "CLIPAdapterHead",
    "CentroidNormalHead",
    "CosineClsHead",
    "CosineHead",
    "FittedHead",
    "FlattenHead",
    "FusionHead",
    "Head",
    "HeadKind",
    "KNNHead",
    "KNNNormalHead",
    "Keyed",
    "LDAHead",
    "LPPlusPlusHead",
    "LateFusionHead",
    "LinearClsHead",
    "LinearHead",
    "LinearPathHead",
    "MahalanobisHead",
    "ManyKind",
    "OneClassHead",
    "PrototypeHead",
    "RidgeHead",
    "RouterHead",
    "SliceHead",
    "SliceTransformerHead",
    "Sourced",
    "Support",
    "TipAdapterFHead",
    "TipAdapterHead",
    "ZeroShotHead",
    "head_named",
    "many_named",
    "zero_shot",
]

_NAMES = {
    "attention_mil": "AttentionMILHead",
    "bags": "Bags",
    "base": "AnyHead Head",
    "blocks": "Blocks",
    "centroid_normal": "CentroidNormalHead",
    "clap": "CLAPHead",
    "clip_adapter": "CLIPAdapterHead",
    "cls": "CosineClsHead LinearClsHead",
    "cosine": "CosineHead",
    "fitted": "FittedHead Keyed",
    "flatten": "FlattenHead",
    "fusion": "FusionHead",
    "kinds": "HEADS HeadKind Support head_named",
    "knn": "KNNHead",
    "knn_normal": "KNNNormalHead",
    "late_fusion": "LateFusionHead",
    "lda": "LDAHead",
    "linear": "LinearHead",
    "linear_path": "LinearPathHead",
    "lp_plus_plus": "LPPlusPlusHead",
    "mahalanobis": "MahalanobisHead",
    "many": "MANY ManyKind Sourced many_named",
    "one_class": "OneClassHead",
    "prototype": "PrototypeHead",
    "ridge": "RidgeHead",
    "router": "RouterHead",
    "slice_transformer": "SliceTransformerHead",
    "slice_votes": "SliceHead",
    "tip_adapter": "TipAdapterHead",
    "tip_adapter_f": "TipAdapterFHead",
    "zeroshot": "ZeroShotHead zero_shot",
}
"""By file, what of it has a name here."""

if not TYPE_CHECKING:  # else nothing would tell a checker which names there are

    def __getattr__(name: str) -> object:
        for module, names in _NAMES.items():
            if name in names.split():
                return getattr(import_module(f".{module}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
