"""Heads of a full-data study as files: refitted through their estimators, with the threshold and the calibrator of the validation side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from ..heads import FittedHead, HeadKind, ManyKind
from ..heads.many import told_to
from ..heads.one_class import values_of
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress
from .calibration import fit_calibrator
from .cells import support_of, tuning_of
from .chances import UNCALIBRATED
from .class_texts import ClassTexts
from .inputs import AnyKind, Input
from .ledger import Run
from .measuring import Measuring
from .outcomes import missing_class
from .study import Study
from .thresholding import fit_threshold, rule_named
from .validation import Validation


@final
@dataclass(frozen=True)
class _Wanted:
    """A head to save."""

    run: Run
    study: Study
    kind: HeadKind | ManyKind[Any]
    features: Input
    folder: Path


@final
@dataclass(frozen=True)
class HeadFiles:
    """Where the heads of a study are to be saved, one folder for each finding, head and feature set."""

    wanted: tuple[_Wanted, ...]

    @classmethod
    def planned(
        cls, folder: Path, runs: Sequence[Run], kinds: Sequence[AnyKind], inputs: Mapping[str, Sequence[Input]], texts: ClassTexts
    ) -> HeadFiles:
        """Those of the fits on the whole training side; looked at before anything is fitted.

        Raises:
            UsageError: there are none, one learns from several feature sets, or something is there already.
        """
        every = [
            (run, run.study, kind, features)
            for run in runs
            if run.study is not None and any(draw.shots is None for draw in run.draws)
            for kind in kinds
            for features in inputs[kind.name]
            if features.present[run.study.rows].all()
            and not (kind.needs_texts and texts.of(run.study.units.finding, features.text) is None)
        ]
        if not every:
            raise UsageError("no head to save: those that learn from the whole training side are saved, as `scanbank probe` fits them")
        if texts_side := [kind.name for _, _, kind, _ in every if not isinstance(kind, HeadKind | ManyKind)]:
            raise UsageError(
                f"head {texts_side[0]!r} is a context of an encoder, which a study does not save: leave it out, or learn and save one with "
                "scanbank.eval.coop.learn_context"
            )
        if many := [kind.name for _, _, kind, features in every if features.key is None]:
            raise UsageError(
                f"head {many[0]!r} learns from several feature sets, and a saved head is of one: leave it out, or probe without --save"
            )
        names = [".".join(map(_plain, (study.units.finding, kind.name, features.name))) for _, study, kind, features in every]
        taken = {name for name in names if names.count(name) > 1}
        wanted = []
        for name, (run, study, kind, features) in zip(names, every, strict=True):
            assert isinstance(kind, HeadKind | ManyKind)  # others are refused above
            own = f"{name}.{spec_digest([run.name, kind.name, features.digest])[:8]}" if name in taken else name
            wanted.append(_Wanted(run, study, kind, features, folder / own))
        if there := [one.folder for one in wanted if one.folder.exists()]:
            raise UsageError(f"{str(there[0])!r} exists already; a saved head is not overwritten, choose another folder")
        return cls(tuple(wanted))

    def save(self, how: Measuring, texts: ClassTexts, progress: Progress) -> Mapping[str, tuple[str, ...]]:
        """Fit and write each; gives their folders by run.

        Raises:
            UsageError: something came to be at one of the folders meanwhile.
        """
        if self.wanted:
            progress.start("saving heads", len(self.wanted))
        saved: dict[str, tuple[str, ...]] = {}
        for one in self.wanted:
            saved[one.run.name] = (*saved.get(one.run.name, ()), _saved(one, how, texts))
            progress.advance(note=one.folder.name)
        return saved


def _saved(one: _Wanted, how: Measuring, texts: ClassTexts) -> str:
    study, features = one.study, one.features
    val = study.split.side("val")
    (draw,) = (draw for draw in one.run.draws if draw.shots is None)
    support = support_of(one.run, study, draw, tuning_of(study, val), texts, features)
    assert isinstance(one.kind, HeadKind | ManyKind)  # `planned`
    head = one.kind.fitted(features.value, support)
    of_val = features.value[study.rows[val]] if isinstance(features.value, np.ndarray) else told_to(features.value.of(study.rows[val]))
    card = {
        "finding": study.units.finding,
        "head": one.kind.name,
        "features": features.name,
        "unit": study.units.unit,
        "labels": study.units.source,
        "split": study.split.name,
        "learned_from": {"absent": int((support.y == 0).sum()), "present": int((support.y == 1).sum())},
        "run": one.run.name,
        "items": one.run.settings["items"],
        "scanbank": one.run.settings["scanbank"],
    } | _fitted(study, val, values_of(head, of_val) if len(val) else np.empty(0), how)
    assert features.key is not None  # `planned`
    FittedHead(head, features.key, card, features.pool).save(one.folder)
    return str(one.folder)


def _fitted(study: Study, val: Any, scores: Any, how: Measuring) -> dict[str, Any]:
    """The threshold and the calibrator as a card has them; null where the validation side cannot tell, with the reason."""
    if why := missing_class(study.units.y[val]):
        return {"threshold": None, "calibrator": None, "lacking": f"validation side: {why}"}
    side = Validation(study.units, study.split, val, scores)
    calibrator = None if how.calibration == UNCALIBRATED else fit_calibrator(how.calibration, side).to_dict()
    return {"threshold": asdict(fit_threshold(rule_named(how.threshold), side)), "calibrator": calibrator, "lacking": ""}


def _plain(name: str) -> str:
    """As a part of a folder's name on any system."""
    return re.sub(r"[^\w+=@-]+", "-", name).strip("-") or "head"
