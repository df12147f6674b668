"""Estimators on cached features. Imports `store` only, and never torch."""

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
