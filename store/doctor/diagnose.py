"""All checks, one after the other. Each ends with findings and never with an error, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..card import CARD
from ..errors import NotABankError
from ..places import Place
from ..places.base import FEATURES
from ..progress import Progress, Silent
from .case import Case
from .check_artifacts import check_artifacts
from .check_card import check_card
from .check_chunks import check_chunks
from .check_derived import check_derived
from .check_files import check_files
from .check_items import check_items
from .check_outside import check_outside
from .check_refs import check_refs
from .check_repository import check_repository
from .check_tables import check_tables
from .check_vectors import check_vectors
from .findings import Finding

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    check_card,
    check_refs,
    check_repository,
    check_chunks,
    check_vectors,
    check_tables,
    check_artifacts,
    check_items,
    check_files,
    check_derived,
    check_outside,
)
_TRIES = 3


def diagnose(place: Place, *, key_file: Path | None = None, progress: Progress | None = None) -> list[Finding]:
    """Everything that is to be said of a bank, errors first. It only reads, and needs no bank that opens.

    A bank that is written to meanwhile is looked at again.

    Raises:
        NotABankError: there is nothing like a bank.
    """
    found: list[Finding] = []
    for _ in range(_TRIES):
        case = Case(place, progress or Silent(), datetime.now(UTC), key_file)
        if CARD not in case.entries and not any(name.startswith((f"{FEATURES}/", "tables/")) for name in case.entries):
            raise NotABankError(f"{place.name} is not a bank: it holds no {CARD}; make one with `scanbank init {place.name}`")
        found = [finding for check in CHECKS for finding in _run(check, case)]
        if Case(place, Silent(), case.now, key_file).head == case.head:
            break
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _run(check: Callable[[Case], Iterator[Finding]], case: Case) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check(case))
    except Exception as error:  # noqa: BLE001 - damage can make anything fail; that it did is a finding
        first = (str(error).strip().splitlines() or [""])[0]
        what = (check.__doc__ or check.__name__).splitlines()[0]
        problem = f"could not be checked to the end ({type(error).__name__}: {first})"
        found.append(Finding("error", f"'{what}'", problem, "mend what else is told of first; see --repair"))
    return found
