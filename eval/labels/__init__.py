"""Labels from reports: findings as data, and the ways to read them from text."""

from .finding import Finding, FindingSet, Mention
from .finding_sets import BUNDLED, finding_set
from .statuses import ABSENT, PRESENT, STATUSES, UNCERTAIN, UNMENTIONED, Status

__all__ = [
    "ABSENT",
    "BUNDLED",
    "PRESENT",
    "STATUSES",
    "UNCERTAIN",
    "UNMENTIONED",
    "Finding",
    "FindingSet",
    "Mention",
    "Status",
    "finding_set",
]
