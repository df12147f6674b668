"""How near to the slice that a report names its sentence leads, as a run of the bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ...embed.encoder import Encoder
from ...embed.named import open_named
from ...heads.localizer import Localizer
from ...store.digests import canonical_json, spec_digest
from ...store.erasure import tokens
from ...store.errors import UsageError
from ...store.features import FeatureSet
from ...store.progress import Progress, Silent
from ..guards import check_unseen
from ..splits import Split, lacking_rows, split_units
from ..units import Units
from .examples import Example, examples
from .measures import DRAWS, WITHIN_MM, Measure, hits_of, measures
from .points import apart_mm, middle_mm
from .scoring import FUSE_MM, errors, fitted, scans_of, text_vectors
from .sets import level_sets

if TYPE_CHECKING:
    from ...store.bank import Bank

COMMAND = "localize"
FINDING = "(localization)"
"""What stands for the finding in the table `metrics`; the method stands for the head."""
BASELINES = ("random_slice", "middle_slice")
LEAST = 5
"""Sentences that the head learns from, at least."""
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Found:
    """What one way gives on the test side."""

    features: str
    """Empty for baselines."""
    method: str
    measures: tuple[Measure, ...]


@final
@dataclass(frozen=True)
class Localization:
    """A finished evaluation."""

    run: str
    settings: dict[str, Any]
    rows: tuple[Found, ...]
    remarks: tuple[str, ...]


def localization(
    bank: Bank,
    *,
    features: Sequence[str] = (),
    encoder: str = "",
    window: str = "",
    split: str | None = None,
    seed: int = 0,
    allow_leak: bool = False,
    head: Localizer | None = None,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> Localization:
    """Measure on test patients how far from the slices that sentences refer to each way leads; the run and its metrics go to the bank.

    Sentences are encoded without the references in them. The head learns from the train side.

    Args:
        bank: the bank.
        features: names of feature sets of kind `depth` or `slice`; by default all whose encoder has a text side.
        encoder: sets of this encoder alone.
        window: sets of this HU window alone.
        split: as in `split_units`.
        seed: of the split, where one is made.
        allow_leak: whether to go on where an encoder was trained on patients of the test side.
        head: its parameters; by default the usual ones.
        opened_by: opens an encoder by its name.
        progress: told of feature sets.

    Raises:
        UnknownNameError: a feature set, encoder or split is none.
        UsageError: no sentence leads to a slice, there are no vectors along depth, the test side has no sentence, or an encoder saw
            patients of it.
        EncoderError: an encoder is not on this machine, or did not make the vectors.
    """
    progress, began, head = progress or Silent(), datetime.now(UTC), head or Localizer()
    forgot = tokens(bank.snapshot.root)
    every, unresolved = examples(bank)
    sets, opened, remarks = level_sets(bank, features, encoder, window, opened_by)
    if unresolved:
        remarks.append(f"{unresolved} references lead to no slice: of another examination, of a series that is not there, or without z_mm")
    ordinals = sorted({one.ordinal for one in every})
    there = [dict.fromkeys(ordinal for ordinal, _ in scans_of(bank, one, ordinals)) for one in sets]
    kept = [one for one in every if all(one.ordinal in held for held in there)]
    if len(kept) < len(every):
        remarks.append(f"{len(every) - len(kept)} of {len(every)} sentences are of scans that a set has no levels of; left out of all")
    if not kept:
        raise UsageError(f"none of {', '.join(one.name for one in sets)} has vectors of a scan that a sentence refers to; embed them first")
    divided, sides = _sides(bank, kept, split, seed)
    learned, tested = ([one for one, side in zip(kept, sides, strict=True) if side == name] for name in ("train", "test"))
    if not tested:
        counts = ", ".join(f"{int((sides == name).sum())} {name}" for name in ("train", "val", "test"))
        raise UsageError(f"split {divided.name!r} has no sentence with a reference on the test side ({counts}); choose --seed or --split")
    if len(learned) < LEAST:
        remarks.append(f"the train side has {len(learned)} sentences with a reference: the head needs {LEAST}, and is left out")
    encoders, way = [one.key.encoder for one in sets], "Choose the split that it was trained by, or others with --features"
    guarded = check_unseen(bank, encoders, _units(tested), allow=allow_leak, way=way)
    remarks += guarded.remarks
    settings = _settings(kept, sides, divided, head, learned, tested) | guarded.settings
    run = f"{COMMAND}-{spec_digest(settings)[:12]}"
    progress.start("localizing", len(sets))
    found = _baselines(bank, sets[0], tested)
    for one in sets:
        texts = text_vectors(opened[one.key.encoder.digest], one, [each.text for each in (*learned, *tested)])
        learnt = fitted(Localizer(**head.get_params()), bank, one, learned, texts) if len(learned) >= LEAST else None
        for name, apart in errors(bank, one, tested, texts, learnt).items():
            found.append(Found(one.name, name, _measured(apart, hits_of(apart), tested)))
        progress.advance(note=one.name)
    result = Localization(run, settings, tuple(found), tuple(remarks))
    _keep(bank, result, sets, divided, began, forgot)
    return result


def _sides(bank: Bank, kept: Sequence[Example], name: str | None, seed: int) -> tuple[Split, NDArray[np.str_]]:
    """The split, and the side of each sentence: that of its patient, or of its scan where a table gave sides to scans."""
    units = _units(kept)
    split = split_units(bank, units, name, seed)
    return split, split.sides[np.searchsorted(units.ordinals, [one.ordinal for one in kept])]


def _units(sentences: Sequence[Example]) -> Units:
    """Their scans, each once."""
    first = {one.ordinal: one for one in sentences}
    ordinals = np.array(sorted(first), np.int64)
    volumes, patients = (np.array([getattr(first[at], name) for at in ordinals.tolist()], np.str_) for name in ("volume", "patient"))
    nothing = np.zeros(len(ordinals), np.int64)
    return Units(FINDING, "volume", "", tuple(volumes.tolist()), ordinals, volumes, patients, np.stack([nothing] * 2, axis=1), nothing, 0)


def _baselines(bank: Bank, features: FeatureSet, tested: Sequence[Example]) -> list[Found]:
    """A random slice, as expected over all of them and not drawn, and the middle one."""
    slices = {ordinal: scan.slices_mm for ordinal, scan in scans_of(bank, features, sorted({one.ordinal for one in tested}))}
    apart = [apart_mm(slices[one.ordinal], one.spans_mm) for one in tested]
    middle = np.array([apart_mm(np.array([middle_mm(slices[one.ordinal])]), one.spans_mm)[0] for one in tested])
    expected = np.array([each.mean() for each in apart]), np.stack([hits_of(each).mean(axis=0) for each in apart])
    told = zip(BASELINES, (expected, (middle, hits_of(middle))), strict=True)
    return [Found("", name, _measured(*of, tested)) for name, of in told]


def _measured(apart: Floats, hits: Floats, tested: Sequence[Example]) -> tuple[Measure, ...]:
    scans, patients = np.array([one.ordinal for one in tested]), np.array([one.patient for one in tested])
    return tuple(measures(apart, hits, scans, patients))


def _settings(
    kept: Sequence[Example], sides: NDArray[np.str_], split: Split, head: Localizer, learned: Sequence[Example], tested: Sequence[Example]
) -> dict[str, Any]:
    counts = {
        name: {"sentences": len(of), "scans": len({one.ordinal for one in of}), "patients": len({one.patient for one in of})}
        for name, of in (("train", learned), ("test", tested))
    }
    told = [[one.snippet, one.text, one.ordinal, list(map(list, one.spans_mm)), one.patient] for one in kept]
    return {
        "split": split.name,
        "counts": counts,
        "within_mm": list(WITHIN_MM),
        "fuse_mm": FUSE_MM,
        "localizer": head.get_params(),
        "draws": DRAWS,
        "examples": spec_digest([told, sides.tolist()]),
        "scanbank": version("scanbank"),
    }


def _keep(bank: Bank, result: Localization, sets: Sequence[FeatureSet], split: Split, began: datetime, forgot: object) -> None:
    """Commit the run and the sides it rests on, unless the bank holds all of it as it is."""
    keys = {one.name: one.key for one in sets}
    rows = [_row(result.run, keys, found, one) for found in result.rows for one in found.measures]
    names = list(rows[0])
    held = bank.sql(f"SELECT * FROM metrics WHERE run = '{result.run}'").to_pylist()
    there = {tuple(row[name] for name in names) for row in held}
    if all(tuple(row.values()) in there for row in rows):
        return
    run = {"run": result.run, "command": COMMAND, "settings": canonical_json(result.settings)}
    times = {"started": began, "finished": datetime.now(UTC)}
    for commit in bank.commits(f"{COMMAND}: {result.settings['counts']['test']['sentences']} sentences", run=result.run):
        with commit:
            if tokens(commit.root) != forgot:
                raise UsageError("a patient was forgotten meanwhile, whom these results may rest on; run this again")
            bank.refresh()
            commit.append("splits", lacking_rows(bank, split))
            commit.append("runs", [run | times])
            commit.append("metrics", rows)
    bank.refresh()


def _row(run: str, keys: Mapping[str, Any], found: Found, one: Measure) -> dict[str, Any]:
    key = keys.get(found.features)
    told = {"run": run, "finding": FINDING, "features": found.features, "encoder": key.encoder.name if key else ""}
    told |= {"window": key.view.window_label if key else "", "head": found.method, "repeat": 0}
    told |= {"shots": None if found.method.startswith("localizer") else 0, "metric": one.name, "value": one.value}
    return told | {"lo": one.lo, "hi": one.hi, "interval": None if one.lo is None else "bootstrap"}
