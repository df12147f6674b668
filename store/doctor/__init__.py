"""What is wrong with a bank, in plain words, and mending it: what follows from the rest is made again, what is lost is set aside."""

from .diagnose import diagnose
from .findings import Finding, Severity, is_sound
from .repair import Repaired, repair

__all__ = ["Finding", "Repaired", "Severity", "diagnose", "is_sound", "repair"]
