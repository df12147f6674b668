"""Zero-shot: how far prompts tell findings, without an example. On the same test side as the few-shot heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..embed.encoder import Encoder
from ..embed.named import open_named
from ..heads import Support
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from .averaging import average_run
from .cells import fit_missing
from .class_texts import ClassTexts, check_absence, class_texts
from .draws import Draw
from .feature_choice import ChosenSet, FeatureChoice, choose_features
from .findings import findings_units
from .guards import Guarded, check_leaks
from .inputs import inputs_of
from .ledger import Ledger, Run
from .prompts import NEGATIVE, POSITIVE, Said, Wording, alone
from .protocol import Protocol
from .results import Asked, Result, summarized
from .search_sets import foreign_window
from .splits import Split, check_sides, split_each
from .study import Study, gather, joined, study_settings, together
from .subgroups import subgroups_of
from .units import Units
from .zeroshot_kinds import PAIR, SINGLE

if TYPE_CHECKING:
    from ..store.bank import Bank

COMMAND = "zeroshot"
EVERYONE = "none"
"""The split's name where all units test."""
_NOBODY = Draw(COMMAND, 0, 0, Support(np.empty(0, np.int64), np.empty(0, np.int64)))


def zeroshot(
    bank: Bank,
    finding: str,
    *,
    prompt: str | None = None,
    negative: str | None = None,
    everyone: bool = False,
    protocol: Protocol | None = None,
    choice: FeatureChoice | None = None,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> Result:
    """`zeroshot_all` of one finding, with `prompt` and `negative` for what says that it is there and that it is not."""
    wording = worded(prompt, negative)
    told = {"wording": wording, "everyone": everyone, "protocol": protocol, "choice": choice, "opened_by": opened_by, "progress": progress}
    (result,) = zeroshot_all(bank, [finding], **told)
    return result


def worded(prompt: str | None, negative: str | None) -> Wording:
    """One text of presence and one of absence; by default the usual ones. `{finding}` stands for a finding's words."""
    return Wording(Said((POSITIVE if prompt is None else prompt,), (NEGATIVE if negative is None else negative,)))


def zeroshot_all(
    bank: Bank,
    findings: Sequence[str],
    *,
    wording: Wording | None = None,
    single: bool = False,
    everyone: bool = False,
    protocol: Protocol | None = None,
    choice: FeatureChoice | None = None,
    opened_by: Callable[[str], Encoder] = open_named,
    progress: Progress | None = None,
) -> tuple[Result, ...]:
    """Score units by their nearness to prompts of presence over those of absence; runs, metrics, predictions and prompts go to the bank.

    What the bank holds is not made again.

    Args:
        bank: the bank.
        findings: names, or `finding=class`.
        wording: what to say of each; by default "... is present." against "... is not present."
        single: score by the cosine with presence alone; there are no probabilities then.
        everyone: test on all units instead of the split's test side; nothing is left to choose a threshold on, so there is no F1.
        protocol: seed of the split, where one is made, unit, labels, sides and metrics.
        choice: which feature sets; by default all whose encoder has a text side.
        opened_by: opens an encoder by its name.
        progress: told of each encoder.

    Returns:
        One for each finding, in their order.

    Raises:
        UnknownNameError: as in `sweep`.
        UsageError: no encoder asked for has a text side, nothing is said of a finding, or labels, sides or vectors do not suffice.
        EncoderError: an encoder is not on this machine, or not the one that made the vectors.
    """
    protocol, choice, progress = protocol or Protocol(), choice or FeatureChoice(), progress or Silent()
    wording = alone(wording or Wording()) if single else wording or Wording()
    every, remarks = findings_units(bank, tuple(dict.fromkeys(findings)), protocol.unit, protocol.source)
    asked = wording.of_each([units.finding for units in every])
    if not single:
        check_absence(asked)
    chosen = choose_features(bank, every[0].unit, choice)
    progress.start("opening encoders", len({one.features.key.encoder.digest for one in chosen}))
    texts, said = class_texts(bank, asked, chosen, opened_by, progress)
    remarks += said
    chosen = [one for one in chosen if one.features.key.encoder.digest in texts.encoders]
    gathered = gather(bank, every, chosen)
    studies, failed = _studies(bank, every, partial(joined, gathered=gathered), protocol, everyone=everyone)
    units, sides, rows = together(studies)
    tested = np.where(sides == "test", "test", "")  # nobody learns: what matters is what the encoders were trained on
    guarded = check_leaks(bank, units, tested, gathered.features, allow=protocol.allow_leak, rows=rows)
    remarks += [*_foreign(chosen, texts), *failed, *guarded.remarks]
    runs = [_run(study, texts, protocol, guarded) for study in studies]
    measuring = replace(protocol.measuring, subgroups=subgroups_of(bank, runs, protocol.by))
    protocol = replace(protocol, measuring=measuring)
    average = average_run(COMMAND, runs, wording) if len(runs) > 1 else None
    kind = SINGLE if single else PAIR
    inputs = inputs_of(bank, [kind], gathered, chosen, texts)
    kept, said = protocol.kept(sum(len(study.split.side("test")) for study in studies) * len(chosen))
    remarks += said
    progress.start(f"{COMMAND}: {every[0].finding if len(runs) == 1 else f'{len(runs)} findings'}", len(runs) * len(chosen))
    every_run = [*runs, *([average] if average else [])]
    with Ledger(bank, every_run, predictions=kept, also=partial(texts.keep, bank)) as ledger:
        made, said = fit_missing(bank, runs, average, inputs, [kind], protocol, texts, ledger, progress)
    remarks += [f"{remark} ({count} of {sum(made.values())} fits)" for remark, count in said.items()]
    shown = Asked(tuple(one.name for one in inputs[kind.name]), (kind.name,), (0,), 1, measuring.metrics)
    return tuple(
        Result(run.name, study, run.settings, (*remarks, *study.remarks), made.get(run.name, 0), summarized(bank, run.name, shown))
        for run, study in zip(runs, studies, strict=True)
    )


def _studies(
    bank: Bank, every: Sequence[Units], joined_of: Callable[[Units, Split], Study], protocol: Protocol, *, everyone: bool
) -> tuple[list[Study], list[str]]:
    """What can be studied, and remarks on findings that cannot."""
    if everyone:
        splits: Sequence[Split] = [Split(EVERYONE, np.full(len(units), "test")) for units in every]
    else:
        splits = split_each(bank, every, protocol.split, protocol.seed, allow_leak=protocol.allow_leak)
    found, failed = list[Study](), list[UsageError]()
    for units, split in zip(every, splits, strict=True):
        try:
            if not everyone:
                check_sides(units, split)
            study = joined_of(units, split)
            check_sides(study.units, study.split, ("test",) if everyone else ("val", "test"))
        except UsageError as error:
            failed.append(error)
            continue
        found.append(study)
    if not found:
        raise failed[0]
    return found, [f"{error}: it is left out" for error in failed]


def _run(study: Study, texts: ClassTexts, protocol: Protocol, guarded: Guarded) -> Run:
    present, absent = texts.told(study.units.finding)
    settings = study_settings(study, protocol.seed) | {"prompt": present, "negative": absent}
    measuring = protocol.measuring
    name = f"{COMMAND}-{spec_digest(settings | measuring.unusual)[:12]}"
    return Run(name, COMMAND, study, settings | measuring.fitted | guarded.settings, (_NOBODY,))


def _foreign(chosen: Sequence[ChosenSet], texts: ClassTexts) -> list[str]:
    keys = [one.features.key for one in chosen]
    said = {foreign_window(key.view, texts.encoders[key.encoder.digest]): None for key in keys}
    return [remark for remark in said if remark]
