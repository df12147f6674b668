"""The texts of a training batch and of which volumes each of them is true, as far as the reports say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanbank.eval.phantoms.reports.prompts import phrases

from .data import Said, Sample

PRESENT = ("{}.", "{} is present.", "There is {}.", "Findings of {}.", "CT shows {}.", "{} is seen.")
ABSENT = ("No {}.", "{} is not present.", "There is no {}.", "No evidence of {}.", "Without {}.", "{} is not seen.", "{} is absent.")
_SIDED = 0.35
"""Share of generic texts that name a side."""


@dataclass(frozen=True)
class Claim:
    """That a finding is present (on a side) or absent."""

    finding: str
    status: str
    side: str


@dataclass(frozen=True)
class Text:
    """A text of a batch."""

    text: str
    claims: tuple[Claim, ...]
    own: int = -1
    """Place in the batch of the volume whose report says it; -1 for a generic text."""
    z_mm: float | None = None


Sides = Mapping[str, Sequence[str]]
"""Finding to the sides it may have."""
Facts = dict[str, tuple[str, frozenset[str]]]


def facts(sample: Sample) -> Facts:
    """What a report says of each finding: its status and sides. What it does not speak of is not there: nobody knows."""
    known: Facts = {}
    for said in sample.said:
        status, sides = known.get(said.finding, (said.status, frozenset()))
        if "present" in (status, said.status):
            status = "present"
        elif said.status != status:
            status = "uncertain"
        both = {"left", "right"} if said.side == "bilateral" else {said.side} if said.side in ("left", "right") else set()
        known[said.finding] = (status, sides | (both if said.status != "absent" else set()))
    return known


def closed(known: Facts, findings: Sequence[str]) -> Facts:
    """The same, where what a report does not speak of counts as absent: hardly any report says "no device", and few leave one out."""
    return {finding: ("absent", frozenset[str]()) for finding in findings} | known


def target(text: Text, volume: int, known: Facts) -> int:
    """1 where a text is true of a volume, -1 where it is not, 0 where nobody knows."""
    if volume == text.own:
        return 1
    answers = [_answer(claim, known, detailed=text.own >= 0) for claim in text.claims]
    return min(answers, key=lambda answer: (answer >= 0, answer != 0))  # a false claim settles it, then an unknown one


def _answer(claim: Claim, known: Facts, *, detailed: bool) -> int:
    status, sides = known.get(claim.finding, ("unknown", frozenset()))
    if claim.status == "absent":
        return {"absent": 1, "present": -1}.get(status, 0)
    if status == "absent":
        return -1
    wanted = {"left", "right"} if claim.side == "bilateral" else {claim.side} & {"left", "right"}
    if sides and not wanted <= sides:
        return -1
    if detailed or status != "present" or (wanted and not sides):
        return 0  # the same finding, but perhaps not of this size or in this lobe
    return 1


def own_texts(batch: Sequence[Sample], count: int, rng: np.random.Generator) -> list[Text]:
    """`count` sentences from the batch's reports, half of them of findings that are there."""
    texts: list[Text] = []
    for place in rng.permutation(np.arange(count) % len(batch)):
        groups: dict[str, list[Said]] = {}
        for said in batch[place].said:
            groups.setdefault(said.text, []).append(said)
        there = [g for g in groups.values() if any(s.status != "absent" for s in g)]
        rest = [g for g in groups.values() if all(s.status == "absent" for s in g)]
        pool = there if there and (not rest or rng.random() < 0.6) else rest
        if not pool:
            continue
        chosen = pool[int(rng.integers(len(pool)))]
        claims = tuple(Claim(s.finding, "absent" if s.status == "absent" else "present", s.side) for s in chosen)
        depth = next((s.z_mm for s in chosen if s.z_mm is not None), None)
        texts.append(Text(chosen[0].text, claims, int(place), depth))
    return texts


def generic_texts(findings: Sequence[str], sides: Sides, count: int, rng: np.random.Generator) -> list[Text]:
    """`count` short texts such as "No pleural effusion." or "Left pneumothorax is present."."""
    texts: list[Text] = []
    for _ in range(count):
        finding = findings[int(rng.integers(len(findings)))]
        names = phrases(finding)
        name = names[0] if rng.random() < 0.5 else names[int(rng.integers(len(names)))]
        status = "present" if rng.random() < 0.6 else "absent"
        side = ""
        lateral = [s for s in sides[finding] if s in ("left", "right", "bilateral")]
        if status == "present" and lateral and rng.random() < _SIDED:
            side = lateral[int(rng.integers(len(lateral)))]
            name = f"{side} {name}"
        forms = PRESENT if status == "present" else ABSENT
        form = forms[int(rng.integers(len(forms)))]
        text = form.format(name)
        texts.append(Text(text[0].upper() + text[1:], (Claim(finding, status, side),)))
    return texts


def targets(texts: Sequence[Text], known: Sequence[Facts]) -> NDArray[np.float32]:
    """(volumes, texts)."""
    return np.array([[target(text, place, one) for text in texts] for place, one in enumerate(known)], np.float32).reshape(len(known), -1)


def whole_text(sample: Sample, rng: np.random.Generator) -> str:
    """A report, or most of its statements in another order, so that no one sentence or place gives it away."""
    if rng.random() < 0.5:
        return sample.report
    parts = list(dict.fromkeys(said.text for said in sample.said))
    kept = [parts[i] for i in rng.permutation(len(parts))[: max(2, int(len(parts) * rng.uniform(0.5, 1)))]]
    return " ".join(kept) or sample.report
