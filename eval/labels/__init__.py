"""Labels from reports: findings as data, and the ways to read them from text."""

from .finding import Finding, FindingSet, Mention
from .finding_sets import BUNDLED, finding_set
from .llm_settings import Example, LlmSettings
from .reports import METHODS, label_reports
from .rules import RuleLabeler
from .statuses import ABSENT, PRESENT, STATUSES, UNCERTAIN, UNMENTIONED, Status

__all__ = [
    "ABSENT",
    "BUNDLED",
    "METHODS",
    "PRESENT",
    "STATUSES",
    "UNCERTAIN",
    "UNMENTIONED",
    "Example",
    "Finding",
    "FindingSet",
    "LlmSettings",
    "Mention",
    "RuleLabeler",
    "Status",
    "finding_set",
    "label_reports",
]
