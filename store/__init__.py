"""The bank: reading scans and reports, items, features, tables. Imports no other folder of scanbank, and never torch."""

from .bank import Bank, LogEntry
from .errors import ScanbankError
from .features import FeatureSet
from .scan import Volume
from .specs import EncoderSpec, FeatureKey, ViewSpec
from .windows import PRESETS, Window, parse_window

__all__ = [
    "PRESETS",
    "Bank",
    "EncoderSpec",
    "FeatureKey",
    "FeatureSet",
    "LogEntry",
    "ScanbankError",
    "ViewSpec",
    "Volume",
    "Window",
    "parse_window",
]
