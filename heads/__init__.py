"""Estimators on cached features. Imports `store` only, and never torch."""

from .attention_mil import AttentionMILHead
from .bags import Bags
from .base import AnyHead, Head
from .blocks import Blocks
from .clap import CLAPHead
from .clip_adapter import CLIPAdapterHead
from .cls import CosineClsHead, LinearClsHead
from .cosine import CosineHead
from .fitted import FittedHead, Keyed
from .flatten import FlattenHead
from .fusion import FusionHead
from .kinds import HEADS, HeadKind, Support, head_named
from .knn import KNNHead
from .late_fusion import LateFusionHead
from .lda import LDAHead
from .linear import LinearHead
from .linear_path import LinearPathHead
from .lp_plus_plus import LPPlusPlusHead
from .many import MANY, ManyKind, Sourced, any_named, many_named
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
    "CosineClsHead",
    "CosineHead",
    "FittedHead",
    "FlattenHead",
    "FusionHead",
    "Head",
    "HeadKind",
    "KNNHead",
    "Keyed",
    "LDAHead",
    "LPPlusPlusHead",
    "LateFusionHead",
    "LinearClsHead",
    "LinearHead",
    "LinearPathHead",
    "ManyKind",
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
    "any_named",
    "head_named",
    "many_named",
    "zero_shot",
]
