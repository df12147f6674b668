"""How well reports find their scans and scans their reports, as a run of the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ...store.digests import canonical_json, spec_digest
from ...store.erasure import tokens
from ...store.errors import UsageError
from ...store.progress import Progress, Silent
from ..feature_choice import FeatureChoice, choose_features
from ..guards import check_unseen
from ..splits import Split, lacking_rows, split_units
from .alike import LIKE, SHINGLE, same_texts
from .measures import DRAWS, Measure, Patients, chance, measures
from .pairs import REPORT, Sides, Studies, both_sides, present_findings, studies_with_reports, text_set
from .ranking import rank_pairs

if TYPE_CHECKING:
    from ...store.bank import Bank

COMMAND = "retrieval"
DIRECTIONS = ("text_to_image", "image_to_text")
"""What stands for the head in the table `metrics`."""
FINDING = "(retrieval)"
"""And for the finding."""


@final
@dataclass(frozen=True)
class Found:
    """What one feature set gives in one direction."""

    features: str
    direction: str
    """Of `DIRECTIONS`: a report looks for its scan, or a scan for its report."""
    measures: tuple[Measure, ...]


@final
@dataclass(frozen=True)
class Retrieval:
    """A finished evaluation."""

    run: str
    settings: dict[str, Any]
    """`pool`: how many scans and as many reports; `patients`; `distinct_reports`: how many groups of near-identical reports there are."""
    rows: tuple[Found, ...]
    chance: dict[str, float]
    """What a random order gives."""
    remarks: tuple[str, ...]


def retrieval(
    bank: Bank,
    *,
    texts: str = REPORT,
    choice: FeatureChoice | None = None,
    source: str | None = None,
    split: str | None = None,
    allow_leak: bool = False,
    progress: Progress | None = None,
) -> Retrieval:
    """Let each report look for its scan and each scan for its report, by cosine; the run and its metrics go to the bank.

    The unit is the primary series of a study. All feature sets are measured on the same studies: those that each of them holds.

    Args:
        bank: the bank.
        texts: as in `studies_with_reports`: `report`, `sentences`, or `section:NAME` such as `section:impression`.
        choice: which feature sets; by default all of encoders that have encoded the texts.
        source: whose labels tell which findings scans share; by default those of `table`, or of the only source that there is.
        split: measures its test side alone, as in `split_units`; None measures all.
        allow_leak: whether to go on where an encoder was trained on patients of these studies.
        progress: told of queries.

    Raises:
        UnknownNameError: a section, source, split, feature set or encoder is none.
        UsageError: there are fewer than two studies with a scan, a text and the vectors of both; or an encoder saw patients of theirs.
    """
    progress, began = progress or Silent(), datetime.now(UTC)
    forgot = tokens(bank.snapshot.root)
    studies = studies_with_reports(bank, texts)
    divided = None if split is None else split_units(bank, studies.units, split)
    if divided is not None:
        studies = studies.of(np.flatnonzero(divided.sides == "test"))
    sides, remarks = _sides(bank, studies, choice or FeatureChoice())
    both = np.all([one.present for one in sides], axis=0)
    remarks += _left_out(studies, sides, both)
    kept = np.flatnonzero(both)
    if len(kept) < 2:
        raise UsageError(f"{len(kept)} studies have a scan and a text with vectors in all of the sets; retrieval needs two or more")
    studies = studies.of(kept)
    encoders = [one.chosen.features.key.encoder for one in sides]
    guarded = check_unseen(bank, encoders, studies.units, allow=allow_leak, way="Measure a test side alone, such as --split patients-0")
    remarks += guarded.remarks
    names, present, whose = present_findings(bank, studies, source)
    group = same_texts(studies.texts)
    settings = _settings(studies, texts, names, present, whose, group) | guarded.settings
    if divided is not None:
        settings |= {"split": divided.name}
    run = f"{COMMAND}-{spec_digest(settings)[:12]}"
    people = Patients(studies.units.patients)
    progress.start("retrieval", 2 * len(sides) * len(studies))
    found = []
    for one in sides:
        images, said = one.images[kept], one.texts[kept]
        for direction, queries, pool in zip(DIRECTIONS, (said, images), (images, said), strict=True):
            ranks = rank_pairs(queries, pool, group, present, progress)
            found.append(Found(one.name, direction, tuple(measures(ranks, people))))
    if not names:
        remarks.append("scans have no labels, so there is no mAP and no nDCG; `scanbank ingest BANK --labels FILE` brings them")
    elif unlabelled := int((~present.any(axis=1)).sum()):
        remarks.append(f"{unlabelled} of {len(studies)} studies have no finding: they count as queries for all but mAP and nDCG")
    result = Retrieval(run, settings, tuple(found), chance(len(studies)), tuple(remarks))
    _keep(bank, result, sides, divided, began, forgot)
    return result


def _sides(bank: Bank, studies: Studies, choice: FeatureChoice) -> tuple[list[Sides], list[str]]:
    """Vectors by each set that has both sides, and remarks on those that have not."""
    chosen = choose_features(bank, "volume", choice)
    told = [(one, text_set(bank, one.features)) for one in chosen]
    mute = list(dict.fromkeys(one.features.key.encoder.name for one, texts in told if texts is None))
    usable = [(one, texts) for one, texts in told if texts is not None]
    if not usable:
        way = f"`scanbank embed {bank.name} --encoder NAME` encodes them with an encoder that has a text side, such as tiny"
        raise UsageError(f"no report is encoded by {', '.join(mute)}; {way}")
    found = [both_sides(bank, studies, one, texts) for one, texts in usable]
    empty = [one.name for one in found if not one.present.any()]
    remarks = [f"no report is encoded by {name}: its feature sets are left out" for name in mute]
    remarks += [f"{name} holds no study's scan and text: it is left out" for name in empty]
    found = [one for one in found if one.present.any()]
    if not found:
        raise UsageError(f"none of {', '.join(empty)} holds vectors of a study's scan and of its text; `scanbank embed` adds them")
    return found, remarks


def _left_out(studies: Studies, sides: Sequence[Sides], both: NDArray[np.bool_]) -> list[str]:
    remarks = [f"{one.name} lacks vectors of {int((~one.present).sum())} of {len(both)} studies" for one in sides if not one.present.all()]
    if not both.all():
        remarks.append(f"{int((~both).sum())} of {len(both)} studies lack a vector in one of the sets and are left out of all")
    if studies.without_text:
        remarks.append(f"{studies.without_text} studies have a scan and no such text")
    if studies.without_scan:
        remarks.append(f"{studies.without_scan} studies have such a text and no scan")
    return remarks


def _settings(
    studies: Studies, texts: str, names: Sequence[str], present: NDArray[np.bool_], source: str, group: NDArray[np.int64]
) -> dict[str, Any]:
    """Everything that numbers depend on beside the feature sets' keys."""
    pairs = [studies.units.ordinals.tolist(), [one.tolist() for one in studies.snippets], group.tolist(), studies.units.patients.tolist()]
    return {
        "queries": texts,
        "unit": "primary series",
        "pool": len(studies),
        "patients": len(set(studies.units.patients.tolist())),
        "distinct_reports": int(group.max()) + 1,
        "near_identical": f"{SHINGLE}-word shingles, Jaccard >= {LIKE[0] / LIKE[1]}",
        "ties": "last",
        "relevance": "Jaccard of present findings",
        "findings": list(names),
        "source": source,
        "draws": DRAWS,
        "pairs": spec_digest([pairs, np.packbits(present, axis=1).tolist()]),
        "scanbank": version("scanbank"),
    }


def _keep(bank: Bank, result: Retrieval, sides: Sequence[Sides], divided: Split | None, began: datetime, forgot: object) -> None:
    """Commit the run, unless the bank holds all of it as it is."""
    keys = {one.name: one.chosen.features.key for one in sides}
    rows = [_row(result.run, keys, found, one) for found in result.rows for one in found.measures]
    names = list(rows[0])
    held = bank.sql(f"SELECT * FROM metrics WHERE run = '{result.run}'").to_pylist()
    there = {tuple(row[name] for name in names) for row in held}
    if all(tuple(row.values()) in there for row in rows):
        return
    run = {"run": result.run, "command": COMMAND, "settings": canonical_json(result.settings)}
    times = {"started": began, "finished": datetime.now(UTC)}
    for commit in bank.commits(f"{COMMAND}: {result.settings['queries']}", run=result.run):
        with commit:
            if tokens(commit.root) != forgot:
                raise UsageError("a patient was forgotten meanwhile, whom these results may rest on; run this again")
            if divided is not None:
                bank.refresh()
                commit.append("splits", lacking_rows(bank, divided))
            commit.append("runs", [run | times])
            commit.append("metrics", rows)
    bank.refresh()


def _row(run: str, keys: dict[str, Any], found: Found, one: Measure) -> dict[str, Any]:
    key = keys[found.features]
    interval = None if one.lo is None else "bootstrap"
    told = {"run": run, "finding": FINDING, "features": found.features, "encoder": key.encoder.name, "window": key.view.window_label}
    told |= {"head": found.direction, "shots": 0, "repeat": 0, "metric": one.name, "value": one.value, "lo": one.lo, "hi": one.hi}
    return told | {"reason": one.reason or None, "interval": interval}
