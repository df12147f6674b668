"""Estimators on cached features. Imports `store` only, and never torch."""

from .base import Head
from .clap import CLAPHead
from .clip_adapter import CLIPAdapterHead
from .cls import CosineClsHead, LinearClsHead
from .cosine import CosineHead
from .fitted import FittedHead, Keyed
from .kinds import HEADS, HeadKind, Support, head_named
from .knn import KNNHead
from .linear import LinearHead
from .linear_path import LinearPathHead
from .lp_plus_plus import LPPlusPlusHead
from .prototype import PrototypeHead
from .tip_adapter import TipAdapterHead
from .tip_adapter_f import TipAdapterFHead
from .zeroshot import ZeroShotHead, zero_shot

__all__ = [
    "HEADS",
    "CLAPHead",
    "CLIPAdapterHead",
    "CosineClsHead",
    "CosineHead",
    "FittedHead",
    "Head",
    "HeadKind",
    "KNNHead",
    "Keyed",
    "LPPlusPlusHead",
    "LinearClsHead",
    "LinearHead",
    "LinearPathHead",
    "PrototypeHead",
    "Support",
    "TipAdapterFHead",
    "TipAdapterHead",
    "ZeroShotHead",
    "head_named",
    "zero_shot",
]
