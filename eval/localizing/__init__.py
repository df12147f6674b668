"""Localization: which slice of a scan a sentence means."""

from .answer import Answer, Level, localize
from .evaluate import Found, Localization, localization
from .measures import Measure

__all__ = ["Answer", "Found", "Level", "Localization", "Measure", "localization", "localize"]
