"""Estimators on cached features. Imports `store` only, and never torch."""

from .attention_mil import AttentionMILHead
from .bags import Bags
from .base import AnyHead, Head
from .blocks import Blocks
from .cosine import CosineHead
from .fitted import FittedHead, Keyed
from .flatten import FlattenHead
from .fusion import FusionHead
from .kinds import HEADS, HeadKind, Support, head_named
from .knn import KNNHead
from .late_fusion import LateFusionHead
from .linear import LinearHead
from .many import MANY, ManyKind, Sourced, many_named
from .prototype import PrototypeHead
from .router import RouterHead
from .slice_transformer import SliceTransformerHead
from .slice_votes import SliceHead
from .zeroshot import ZeroShotHead, zero_shot

__all__ = [
    "HEADS",
    "MANY",
    "AnyHead",
    "AttentionMILHead",
    "Bags",
    "Blocks",
    "CosineHead",
    "FittedHead",
    "FlattenHead",
    "FusionHead",
    "Head",
    "HeadKind",
    "KNNHead",
    "Keyed",
    "LateFusionHead",
    "LinearHead",
    "ManyKind",
    "PrototypeHead",
    "RouterHead",
    "SliceHead",
    "SliceTransformerHead",
    "Sourced",
    "Support",
    "ZeroShotHead",
    "head_named",
    "many_named",
    "zero_shot",
]
