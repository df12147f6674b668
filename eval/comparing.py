"""Who is compared in a search, and whom each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..store.digests import canonical_json
from .like import BankItem
from .memory import Memory
from .report_texts import Texts, report_texts
from .scan_filters import kept_scans
from .scan_table import Scans, scan_table
from .search_kinds import Find, Per

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Compared:
    """What a search compares."""

    find: Find
    scans: Scans
    texts: Texts
    wanted: NDArray[np.bool_]
    """Of each scan, or of texts of each piece, whether it is compared."""
    groups: NDArray[np.int64]
    """Of each scan or piece, and where reports are looked for of each study, whom it stands for: its study, its patient, or itself."""
    name: str
    """Of what is compared: the same of one snapshot where the same is."""


def compared(
    bank: Bank, find: Find, per: Per, *, where: str = "", item: BankItem | None = None, all_series: bool = False, memory: Memory
) -> Compared:
    """What is compared: primary series, or every series where these are asked for or each scan may have a hit; texts of all studies.

    With a filter, scans that it keeps, and texts of studies with such a scan. Of a scan or slice that is searched by, its own study is left
    out, whose other series show the same; where each scan may have a hit, itself alone. Its report is not left out. Of reports, what says
    what is seen is compared, and neither technique nor history.

    Raises:
        UsageError: the filter is none.
    """
    scans = memory.get(bank, ("scans",), lambda: scan_table(bank))
    texts = memory.get(bank, ("texts",), lambda: report_texts(bank))
    kept = np.ones(len(scans), bool)
    if where:
        kept = np.isin(scans.ordinals, kept_scans(bank, where, memory), assume_unique=True)
    if find in ("snippet", "report"):
        wanted = np.ones(len(texts.ordinals), bool)
        if where:
            studies = {scans.studies[place] for place in np.unique(scans.study[kept]).tolist()}
            wanted = np.array([study in studies for study in texts.studies], bool)[texts.study]
        if find == "report":
            wanted = wanted & texts.of_images
            owner = np.zeros(len(texts.studies), np.int64)
            owner[texts.study] = texts.patient
            groups = owner if per == "patient" else np.arange(len(texts.studies), dtype=np.int64)
        else:
            groups = texts.patient if per == "patient" else texts.study
        return Compared(find, scans, texts, wanted, groups, where)
    wanted = kept & (scans.primary | all_series | (per == "scan"))
    if item is not None:
        own = scans.ordinals == item.ordinal
        wanted &= ~(own if per == "scan" else np.isin(scans.study, scans.study[own]))
    named = canonical_json([all_series or per == "scan", where, per == "scan", item and item.ordinal])
    groups = {"study": scans.study, "patient": scans.patient, "scan": np.arange(len(scans), dtype=np.int64)}[per]
    return Compared(find, scans, texts, wanted, groups, named)
