"""Which scans and reports belong together: the primary series of each study, and the vector of what its report says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ...heads.vectors import unit
from ...store.errors import UnknownNameError, UsageError
from ...store.features import FeatureSet
from ...store.specs import ViewSpec
from ..pooling import unit_features
from ..quoting import quoted
from ..report_texts import OF_IMAGES
from ..text_sums import text_sums
from ..units import FIRST_SOURCE, Units

if TYPE_CHECKING:
    from ...store.bank import Bank
    from ..feature_choice import ChosenSet

REPORT, SENTENCES, SECTION = "report", "sentences", "section:"
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Studies:
    """N studies with a scan and a report, in the order of their scans' ordinals."""

    units: Units
    """Their primary series; labels are of no meaning."""
    studies: tuple[str, ...]
    texts: tuple[str, ...]
    """What the report says, or the sections asked for, one after the other."""
    snippets: tuple[Ints, ...]
    """Ordinals of the snippets of each."""
    without_scan: int
    """Studies with such a text and no scan."""
    without_text: int
    """Studies with a scan and no such text."""

    def __len__(self) -> int:
        return len(self.studies)

    def of(self, rows: Ints) -> Studies:
        """Only these."""
        picked = rows.tolist()
        studies, texts = (tuple(each[row] for row in picked) for each in (self.studies, self.texts))
        snippets = tuple(self.snippets[row] for row in picked)
        return replace(self, units=self.units.of(rows), studies=studies, texts=texts, snippets=snippets)


@final
@dataclass(frozen=True)
class Sides:
    """Vectors of N studies by one feature set."""

    name: str
    chosen: ChosenSet
    images: Singles
    """(N, D) of unit length; zeros where there is none."""
    texts: Singles
    """(N, D) of unit length: of several snippets the mean of their unit vectors; zeros where one of them has none."""
    present: NDArray[np.bool_]
    """(N,) whether there are both."""


def studies_with_reports(bank: Bank, texts: str = REPORT) -> Studies:
    """Primary series whose study has a report, or the section asked for.

    Args:
        bank: the bank.
        texts: `report` (the mean of its sections), `sentences` (the mean of their sentences), or `section:NAME`. Of a report, what says
            what is seen counts, and neither comparison, history nor technique, unless it has nothing else.

    Raises:
        UnknownNameError: no report has such a section.
        UsageError: no study has both, or `texts` is neither.
    """
    chosen = _chosen(bank, texts)
    said: dict[str, list[dict[str, Any]]] = {}
    query = f"SELECT study, ordinal, text FROM snippets WHERE {chosen} ORDER BY study, ordinal"
    for row in bank.sql(query).to_pylist():
        said.setdefault(row["study"], []).append(row)
    scans = bank.sql("""SELECT volume, ordinal, study, patient, slice_ordinal, slices FROM volumes
        WHERE is_primary ORDER BY ordinal""").to_pylist()
    both = [row for row in scans if row["study"] in said]
    if not both:
        what = "no study has both a scan and a report" if texts in (REPORT, SENTENCES) else f"no study with a scan has a text for {texts!r}"
        raise UsageError(f"{what}, so there is nothing to retrieve; `scanbank ingest {bank.name} SCANS --reports FILE` brings reports")
    ordinals, first, slices = (np.array([row[name] for row in both], np.int64) for name in ("ordinal", "slice_ordinal", "slices"))
    volumes, patients = (np.array([row[name] for row in both], np.str_) for name in ("volume", "patient"))
    items = tuple(row["volume"] for row in both)
    runs, nothing = np.stack([first, slices], axis=1), np.zeros(len(both), np.int64)
    units = Units("", "volume", "", items, ordinals, volumes, patients, runs, nothing, 0)
    of = [said[row["study"]] for row in both]
    return Studies(
        units=units,
        studies=tuple(row["study"] for row in both),
        texts=tuple("\n".join(one["text"] for one in rows) for rows in of),
        snippets=tuple(np.array([one["ordinal"] for one in rows], np.int64) for rows in of),
        without_scan=len(said.keys() - {row["study"] for row in scans}),
        without_text=len(scans) - len(both),
    )


def text_set(bank: Bank, features: FeatureSet) -> FeatureSet | None:
    """The vectors of texts by the encoder that made a set of scans; None where there are none."""
    of = [s for s in bank.feature_sets if s.key.kind == "text" and s.key.encoder.digest == features.key.encoder.digest]
    return min(of, key=lambda s: (s.key.view != ViewSpec(), s.key.layer or "", s.digest), default=None)


def both_sides(bank: Bank, studies: Studies, chosen: ChosenSet, texts: FeatureSet) -> Sides:
    """Vectors of scans and of texts.

    Raises:
        UsageError: the two sides are not of one width.
    """
    images = unit_features(bank, chosen.features, studies.units, chosen.pool, chosen.name)
    if images.X.shape[1] != texts.dim:
        raise UsageError(f"{images.name} has vectors of width {images.X.shape[1]} and {texts.name} of {texts.dim}; they cannot be compared")
    said, told = _means(texts, studies.snippets)
    return Sides(images.name, chosen, unit(images.X.astype(np.float64)).astype(np.float32), said, images.present & told)


def present_findings(bank: Bank, studies: Studies, source: str | None) -> tuple[tuple[str, ...], NDArray[np.bool_], str]:
    """Names of findings, (N, F) whether each is present, and whose labels these are (empty where there are none).

    What is absent, uncertain or not mentioned is not present. Of a categorical finding each class is one.

    Raises:
        UnknownNameError: there is no such source.
        UsageError: there are several, and none is asked for.
    """
    known = [row["source"] for row in bank.sql("SELECT DISTINCT source FROM labels WHERE level <> 'slice' ORDER BY source").to_pylist()]
    if source is not None and source not in known:
        raise UnknownNameError("source of labels", source, known)
    if source is None and len(known) > 1 and FIRST_SOURCE not in known:
        raise UsageError(f"scans are labelled by several sources; ask for one of them with --source: {', '.join(known)}")
    if not known:
        return (), np.zeros((len(studies), 0), np.bool_), ""
    whose = source or (FIRST_SOURCE if FIRST_SOURCE in known else known[0])
    answer = bank.sql(f"""SELECT v.ordinal, l.finding || coalesce('=' || l.category, '') AS name
        FROM labels l JOIN volumes v ON v.volume = l.item
        WHERE l.level <> 'slice' AND l.status = 'present' AND l.source = {quoted(whose)} AND v.is_primary""")
    named = answer.column("name").combine_chunks().dictionary_encode()
    every, ordinal = named.dictionary.to_pylist(), answer.column("ordinal").to_numpy()
    names = tuple(sorted(every))
    column = np.argsort(np.argsort(np.array(every, dtype=object)))[named.indices.to_numpy()]
    place = np.searchsorted(studies.units.ordinals, ordinal).clip(max=len(studies) - 1)
    there = studies.units.ordinals[place] == ordinal
    present = np.zeros((len(studies), len(names)), np.bool_)
    present[place[there], column[there]] = True
    return names, present, whose


def _chosen(bank: Bank, texts: str) -> str:
    """Which snippets, in SQL: of a report what says what is seen, where it has that."""
    if texts in (REPORT, SENTENCES):
        return f"part = '{'section' if texts == REPORT else 'sentence'}' {OF_IMAGES}"
    section = texts.removeprefix(SECTION)
    if section == texts or not section:
        raise UsageError(f"texts {texts!r} is unknown; choose report, sentences, or section:NAME such as section:impression")
    known = [row["section"] for row in bank.sql("SELECT DISTINCT section FROM snippets ORDER BY section").to_pylist()]
    if section not in known:
        raise UnknownNameError("section of reports", section, known)
    return f"part = 'section' AND section = {quoted(section)}"


def _means(texts: FeatureSet, snippets: Sequence[Ints]) -> tuple[Singles, NDArray[np.bool_]]:
    """(N, D) of unit length, and (N,) whether all snippets of each have a vector."""
    counts = np.array([len(one) for one in snippets])
    every = np.concatenate(snippets)
    owner = np.repeat(np.arange(len(snippets)), counts)
    sums, seen = text_sums(texts, every, owner, len(snippets))
    return unit(sums).astype(np.float32), seen == counts
