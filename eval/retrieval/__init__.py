"""Retrieval: how well reports find their scans, and scans their reports."""

from .evaluate import DIRECTIONS, Found, Retrieval, retrieval
from .measures import Measure

__all__ = ["DIRECTIONS", "Found", "Measure", "Retrieval", "retrieval"]
