"""What brings a patient to the scanner: each cause draws the findings that go together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..model import Side
from .draw import Draw

_PUSH = {"subdural": (0.62, 5.0), "epidural": (0.42, 8.0), "intraparenchymal": (0.24, 18.0), "infarct": (0.13, 45.0), "edema": (0.0, 0.0)}
"""Of a lesion with mass: mm of midline shift per mm of size beyond a size."""
_DISPLACED_MM = 3.0
"""Shift that a report tells."""


def other(side: Side) -> Side:
    return "left" if side == "right" else "right"


def push(draw: Draw) -> None:
    """Midline shift and mass effect of what has been drawn."""
    net = 0.0
    for lesion in draw.lesions:
        rate, free = _PUSH.get(lesion.finding, (0.0, 0.0))
        if lesion.side not in ("left", "right") or lesion.place in ("tentorial", "parafalcine", "cerebellum", "cerebellar"):
            continue
        amount = rate * max(0.0, lesion.size_mm - free) * float(draw.rng.uniform(0.5, 1.25))
        if lesion.finding == "edema":
            amount = 6.5 * max(0.0, lesion.severity - 0.5) * float(draw.rng.uniform(0, 1.6))
        net += amount if lesion.side == "right" else -amount  # towards the left
    source: Side = "right" if net > 0 else "left"
    if abs(net) >= _DISPLACED_MM:
        draw.add("midline_shift", side=other(source), size_mm=abs(net), low=min(0.9, abs(net) / 18), high=min(1.0, abs(net) / 12 + 0.15))
    if abs(net) > 1.6 and draw.chance(min(0.95, 0.4 + abs(net) / 9)):
        severity = float(np.clip(abs(net) / 11, 0.15, 0.85))
        draw.add("mass_effect", side=source, low=max(0.05, severity - 0.2), high=severity + 0.15)


def _trauma(draw: Draw) -> None:
    side = draw.side()
    for _ in range(int(draw.rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))):
        draw.add(
            "intraparenchymal",
            place=draw.pick(("frontal", "temporal")),
            side=side,
            variant="acute",
            size_mm=float(draw.rng.uniform(10, 30)),
        )
    if draw.chance(0.6):
        draw.add("subarachnoid", place="convexity", side=draw.pick((side, other(side), "bilateral")))
    if draw.chance(0.42):
        draw.add("subdural", place=draw.pick(("convexity", "tentorial", "parafalcine"), (0.5, 0.3, 0.2)), side=other(side), variant="acute")
    if draw.chance(0.55):
        crack = draw.add("fracture", side=other(side) if draw.chance(0.6) else side)
        if crack and draw.chance(0.62):
            place = {"frontal": "frontal", "temporal": "temporal"}.get(crack.place, "basal")
            draw.add("pneumocephalus", side=crack.side, place=place)
    if draw.chance(0.2) and draw.lesions:
        draw.add("intraventricular", place="lateral", high=0.6)
    if draw.has("intraparenchymal") and draw.chance(0.35):
        bleed = next(lesion for lesion in draw.lesions if lesion.finding == "intraparenchymal")
        draw.add("edema", side=bleed.side, place=bleed.place, variant="vasogenic")
    if draw.chance(0.1):
        draw.add("edema", place="diffuse", variant="diffuse")


def _epidural(draw: Draw) -> None:
    bleed = draw.add("epidural", place=draw.pick(("frontal", "temporal", "parietal"), (0.2, 0.55, 0.25)))
    if bleed and draw.chance(0.78):
        draw.add("fracture", side=bleed.side, place=bleed.place, variant=draw.pick(("linear", "depressed"), (0.8, 0.2)))
        if draw.chance(0.3):
            draw.add("pneumocephalus", side=bleed.side, place="frontal" if bleed.place == "frontal" else "temporal")
    if bleed and draw.chance(0.25):
        draw.add("intraparenchymal", side=other(bleed.side), place=draw.pick(("frontal", "temporal")), variant="acute", size_mm=16)


def _subdural(draw: Draw) -> None:
    variant = draw.pick(("acute", "subacute", "chronic"), (0.3, 0.25, 0.45) if draw.age > 60 else (0.6, 0.25, 0.15))
    side = "bilateral" if variant != "acute" and draw.chance(0.2) else draw.side()
    draw.add("subdural", place="convexity", side=side, variant=variant)
    if variant == "acute" and draw.chance(0.3):
        draw.add("subarachnoid", place="convexity", side=side)
    if variant == "acute" and draw.chance(0.25):
        draw.add("subdural", place=draw.pick(("tentorial", "parafalcine")), side=side, variant="acute")


def _hypertensive(draw: Draw) -> None:
    place = draw.pick(("basal_ganglia", "thalamus", "cerebellum"), (0.5, 0.32, 0.18))
    bleed = draw.add("intraparenchymal", place=place, variant=draw.pick(("acute", "subacute"), (0.82, 0.18)))
    if bleed is None:
        return
    near = {"basal_ganglia": 0.45, "thalamus": 0.68, "cerebellum": 0.4}[place]
    if draw.chance(near + bleed.size_mm / 200):
        low = "fourth" if place == "cerebellum" else "lateral"
        draw.add("intraventricular", place=low, side=draw.pick((bleed.side, "bilateral")))
        if draw.chance(0.4) and low == "lateral":
            draw.add("intraventricular", place="third")
    if draw.chance(0.62 if draw.has("intraventricular") else 0.1):
        draw.add("hydrocephalus", low=0.1)
    if draw.chance(0.32) and place == "basal_ganglia":
        draw.add("edema", side=bleed.side, place=place, variant="vasogenic")


def _aneurysm(draw: Draw) -> None:
    if draw.chance(0.85):
        draw.add("subarachnoid", place="basal_cisterns")
    if draw.chance(0.6) or not draw.lesions:
        draw.add("subarachnoid", place="sylvian")
    if draw.chance(0.4):
        draw.add("intraventricular", place=draw.pick(("lateral", "third", "fourth"), (0.6, 0.1, 0.3)), side="bilateral")
    if draw.chance(0.6):
        draw.add("hydrocephalus")
    if draw.chance(0.12):
        draw.add("edema", place="diffuse", variant="diffuse")


def _lobar(draw: Draw) -> None:
    bleed = draw.add("intraparenchymal", place=draw.pick(("frontal", "temporal", "parietal", "occipital")))
    if bleed and draw.chance(0.5):
        draw.add("edema", side=bleed.side, place=bleed.place, variant="vasogenic")
    if bleed and draw.chance(0.2):
        draw.add("subarachnoid", place="convexity", side=bleed.side)


def _stroke(draw: Draw) -> None:
    territories = ("middle_cerebral", "anterior_cerebral", "posterior_cerebral", "cerebellar", "lacunar")
    first = draw.add("infarct", place=draw.pick(territories, (0.42, 0.1, 0.17, 0.14, 0.17)))
    if first and first.size_mm > 50 and draw.chance(0.2):
        draw.add("intraparenchymal", side=first.side, place="basal_ganglia", variant="acute", size_mm=float(draw.rng.uniform(10, 26)))
    if draw.chance(0.12):
        draw.add("infarct", place=draw.pick(territories))


def _tumour(draw: Draw) -> None:
    """Swelling around a metastasis that is not seen without contrast."""
    draw.add("edema", place=draw.pick(("frontal", "temporal", "parietal", "occipital")), side=draw.side(), variant="vasogenic", low=0.25)
    if draw.chance(0.25):
        draw.add("edema", place=draw.pick(("frontal", "parietal")), side=draw.side(), variant="vasogenic")


def _anoxia(draw: Draw) -> None:
    draw.add("edema", place="diffuse", variant="diffuse", low=0.2)


def _ventricles(draw: Draw) -> None:
    draw.add("hydrocephalus")


def _skull(draw: Draw) -> None:
    crack = draw.add("fracture")
    if crack and draw.chance(0.35):
        draw.add("pneumocephalus", side=crack.side, place={"frontal": "frontal", "temporal": "temporal"}.get(crack.place, "basal"))


def _surgery(draw: Draw) -> None:
    """Air after an operation or a puncture."""
    draw.add("pneumocephalus", place=draw.pick(("frontal", "basal"), (0.75, 0.25)), side=draw.pick(("left", "right", "midline")))
    if draw.chance(0.4):
        draw.add("subdural", place="convexity", variant=draw.pick(("acute", "chronic")), high=0.6)


@dataclass(frozen=True)
class Cause:
    draw: Callable[[Draw], None]
    young: float
    old: float
    """Shares below 40 and above 75 years, of the studies that are not normal."""


CAUSES: tuple[Cause, ...] = (
    Cause(_trauma, 0.24, 0.11),
    Cause(_epidural, 0.11, 0.05),
    Cause(_subdural, 0.04, 0.13),
    Cause(_hypertensive, 0.06, 0.10),
    Cause(_aneurysm, 0.08, 0.05),
    Cause(_lobar, 0.05, 0.07),
    Cause(_stroke, 0.15, 0.26),
    Cause(_tumour, 0.10, 0.11),
    Cause(_anoxia, 0.04, 0.02),
    Cause(_ventricles, 0.07, 0.07),
    Cause(_skull, 0.08, 0.04),
    Cause(_surgery, 0.03, 0.03),
)


def cause_for(draw: Draw) -> Cause:
    old = float(np.clip((draw.age - 40) / 35, 0, 1))
    return draw.pick(CAUSES, [cause.young + old * (cause.old - cause.young) for cause in CAUSES])
