"""Zero-shot: how far two prompts tell a finding, without an example. On the same test side as the few-shot heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..embed.encoder import Encoder
from ..embed.named import open_named
from ..heads import zero_shot
from ..heads.vectors import sigmoid
from ..store.digests import spec_digest
from ..store.progress import Progress, Silent
from .class_texts import SCALE, text_encoders
from .feature_choice import FeatureChoice, choose_features
from .guards import check_leaks
from .inputs import Input
from .ledger import Ledger, Run
from .measuring import Fits, Measuring, measured
from .prompts import keep_prompts, prompt_pair, prompt_vectors
from .results import Asked, Result, summarized
from .search_sets import foreign_window
from .splits import Split, check_sides, split_units
from .study import prepare, study_settings
from .units import Unit, evaluation_units

if TYPE_CHECKING:
    from ..store.bank import Bank

HEAD = COMMAND = "zeroshot"
EVERYONE = "none"
"""The split's name where all units test."""


def zeroshot(
    bank: Bank,
    finding: str,
    *,
    prompt: str | None = None,
    negative: str | None = None,
    seed: int = 0,
    unit: Unit | None = None,
    source: str | None = None,
    split: str | None = None,
    everyone: bool = False,
    choice: FeatureChoice | None = None,
    measuring: Measuring | None = None,
    allow_leak: bool = False,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> Result:
    """Score units by their nearness to a prompt of presence over one of absence; keep run, metrics, predictions and prompts in one commit.

    Args:
        bank: the bank.
        finding: its name, or `finding=class`.
        prompt: what to say of presence, instead of "... is present."
        negative: what to say of absence, instead of "... is not present."
        seed: of the split, where one is made.
        unit: `volume` or `slice`, as in `evaluation_units`.
        source: whose labels, as in `evaluation_units`.
        split: as in `split_units`.
        everyone: test on all units instead of the split's test side; nothing is left to choose a threshold on, so there is no F1.
        choice: which feature sets; by default all whose encoder has a text side.
        measuring: metrics and intervals; by default all, with intervals by bootstrap.
        allow_leak: go on where an encoder was trained on items of the test side; the run says so.
        opened_by: opens an encoder by its name.
        progress: told of each encoder.

    Raises:
        UnknownNameError: as in `sweep`.
        UsageError: no encoder asked for has a text side, or labels, sides or vectors do not suffice.
        EncoderError: an encoder is not on this machine, or not the one that made the vectors.
    """
    progress = progress or Silent()
    pair = prompt_pair(finding, prompt, negative)
    units = evaluation_units(bank, finding, unit, source)
    if everyone:
        sides = Split(EVERYONE, np.full(len(units), "test"))
    else:
        sides = split_units(bank, units, split, seed)
        check_sides(units, sides)
    choice = choice or FeatureChoice()
    chosen = choose_features(bank, units.unit, choice)
    progress.start("opening encoders", len({one.features.key.encoder.digest for one in chosen}))
    encoders, remarks = text_encoders(bank, chosen, opened_by, progress)
    study = prepare(bank, units, sides, [one for one in chosen if one.features.key.encoder.digest in encoders])
    check_sides(study.units, study.split, ("test",) if everyone else ("val", "test"))
    tested = np.where(study.split.sides == "test", "test", "")  # nobody learns: what matters is what the encoders were trained on
    guarded = check_leaks(bank, study.units, tested, study.features, allow=allow_leak, rows=study.rows)
    vectors = {digest: prompt_vectors(bank, encoder, pair) for digest, encoder in encoders.items()}
    foreign = {foreign_window(features.key.view, encoders[features.key.encoder.digest]): None for features in study.features}
    settings = study_settings(study, seed) | {"prompt": pair.present, "negative": pair.absent}
    remarks += [*filter(None, foreign), *study.remarks, *guarded.remarks]
    measuring = measuring or Measuring()
    run_name = f"{COMMAND}-{spec_digest(settings | measuring.unusual)[:12]}"
    run = Run(run_name, COMMAND, study, settings | measuring.fitted | guarded.settings)
    made = [(encoder, vectors[digest]) for digest, encoder in encoders.items()]
    val, test = study.split.side("val"), study.split.side("test")
    with Ledger(bank, [run], predictions="rows", also=lambda commit: keep_prompts(bank, commit, pair, made)) as ledger:
        for features in study.features:
            absent, present = vectors[features.key.encoder.digest]
            head = zero_shot(present, absent, features.key.encoder.logit_scale or SCALE)
            cell = spec_digest([run.name, features.key.digest, features.pool, features.name, list(measuring.metrics), measuring.intervals])
            fits = Fits(run.name, study, Input.of_vectors(features), HEAD, (0,), (0,), (cell,), (True,))
            tuned, scores = (
                head.decision_function(study.vectors(features, of))[None] if len(of) else np.empty((1, 0)) for of in (val, test)
            )
            ledger.add(measured(fits, tuned, scores, sigmoid, measuring))
    asked = Asked(tuple(one.name for one in study.features), (HEAD,), (0,), 1, measuring.metrics)
    return Result(run.name, study, run.settings, tuple(remarks), len(study.features), summarized(bank, run.name, asked))
