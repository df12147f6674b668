"""Two sources of a bank's labels against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..store.progress import Progress, Silent
from .agreement import Agreement, Rated, agreements
from .label_pairs import ComparedUnit, LabelPairs, paired_labels
from .label_policy import UNKNOWN, LabelPolicy

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class LeftOut:
    """Units that do not count."""

    unknown: int
    """Both say something, which the policy takes for unknown of one or both."""
    only_first: int
    """The second says nothing of them."""
    only_second: int


@final
@dataclass(frozen=True)
class Agreed:
    """What was found, and how."""

    settings: Mapping[str, Any]
    """What the numbers depend on, beside the labels: sources, unit, policy, draws, seed, the bank's snapshot."""
    policy: LabelPolicy
    lines: tuple[tuple[Agreement, LeftOut], ...]
    """The table: each finding, and where there are several, all of their items put together (`micro`) and the mean over those that have a
    value (`macro`, whose counts are those of all)."""
    remarks: tuple[str, ...]


def agree_sources(
    bank: Bank,
    reference: str,
    other: str,
    findings: Sequence[str] = (),
    *,
    unit: ComparedUnit | None = None,
    policy: LabelPolicy | None = None,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Agreed:
    """Agreement of a source with a reference on each finding that both label, with 95% intervals by patient (`agreements`).

    Args:
        bank: the bank.
        reference: the source that sensitivity and specificity take for true.
        other: another source.
        findings: as `paired_labels` takes them.
        unit: as `paired_labels` takes it.
        policy: what uncertain and unmentioned count as; by default unknown, which is left out, and absent.
        draws: of patients.
        seed: of these.
        progress: told of what takes long.

    Raises:
        UnknownNameError: a source, a finding or the unit is none.
        UsageError: as `paired_labels` and `agreements`.
    """
    progress = progress or Silent()
    policy = policy or LabelPolicy()
    progress.start("reading labels")
    paired = paired_labels(bank, reference, other, findings, unit)
    rated = [_rated(pairs, policy) for pairs in paired.pairs]
    progress.start(f"comparing on {len(rated)} findings")
    found = agreements(rated, draws, seed)
    each = [
        LeftOut(len(pairs.first) - len(one.reference), pairs.only_first, pairs.only_second)
        for pairs, one in zip(paired.pairs, rated, strict=True)
    ]
    every = LeftOut(*(sum(getattr(one, name) for one in each) for name in ("unknown", "only_first", "only_second")))
    settings = {"a": paired.first, "b": paired.second, "reference": paired.first, "unit": paired.unit, "snapshot": bank.snapshot.id}
    settings |= {"uncertain": policy.uncertain, "unmentioned": policy.unmentioned, "draws": draws, "seed": seed}
    settings |= {"findings": {pairs.finding: pairs.second_finding for pairs in paired.pairs}}
    averages = ((found.micro, every), (found.macro, every)) if len(rated) > 1 else ()
    lines = (*zip(found.findings, each, strict=True), *averages)
    return Agreed(settings, policy, lines, (*paired.remarks, *_remarks(paired.unit, every)))


def _rated(pairs: LabelPairs, policy: LabelPolicy) -> Rated:
    values = policy.values(pairs.first), policy.values(pairs.second)
    known = (values[0] != UNKNOWN) & (values[1] != UNKNOWN)
    return Rated(pairs.finding, values[0][known], values[1][known], pairs.patients[known])


def _remarks(unit: str, out: LeftOut) -> list[str]:
    told = [(out.unknown, "are left out as unknown"), (out.only_first, "are labelled by a alone"), (out.only_second, "by b alone")]
    said = ", ".join(f"{count} {what}" for count, what in told if count)
    return [f"over all findings, of each {unit}: {said}"] if said else []
