"""Estimators on cached features. Imports `store` only, and never torch."""

from .base import Head
from .cls import CosineClsHead, LinearClsHead
from .cosine import CosineHead
from .fitted import FittedHead, Keyed
from .kinds import HEADS, HeadKind, Support, head_named
from .knn import KNNHead
from .lda import LDAHead
from .linear import LinearHead
from .linear_path import LinearPathHead
from .prototype import PrototypeHead
from .ridge import RidgeHead
from .zeroshot import ZeroShotHead, zero_shot

__all__ = [
    "HEADS",
    "CosineClsHead",
    "CosineHead",
    "FittedHead",
    "Head",
    "HeadKind",
    "KNNHead",
    "Keyed",
    "LDAHead",
    "LinearClsHead",
    "LinearHead",
    "LinearPathHead",
    "PrototypeHead",
    "RidgeHead",
    "Support",
    "ZeroShotHead",
    "head_named",
    "zero_shot",
]
