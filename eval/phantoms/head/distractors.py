"""What looks like a finding and is none, as far as it is not in skull, brain or acquisition already."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Triple, ellipsoid, inside
from ..seeds import generator
from .brain import CSF_HU, Brain
from .scene import Scene
from .trauma import swelling


def paint(scene: Scene, brain: Brain) -> None:
    _habitual(scene)
    for name, painter in _PAINTERS.items():
        if scene.distracted(name):
            painter(scene, generator(scene.study.patient.seed, "head", name), brain)


def _speck(scene: Scene, centre: Triple, radii: Triple, hu: float) -> None:
    """A rough spot."""
    box = scene.around(*centre, max(radii) + 4)
    distance = ellipsoid(scene.reference(box), centre, radii) + 0.7 * scene.grain(box, 3.0, centre[0])
    scene.canvas.paint(inside(distance, 1.3), hu, box)


def _habitual(scene: Scene) -> None:
    """Faint calcium of pineal and choroid plexus that most adults have."""
    rng = scene.rng("habitual")
    if rng.random() < 0.6:
        _speck(scene, (55, 17, 0), (1.8, 2.0, 1.6), float(rng.uniform(60, 140)))
    for side in (-1, 1):
        if rng.random() < 0.5:
            _speck(scene, (71, 36, side * 20.5), (2.2, 2.4, 1.6), float(rng.uniform(50, 120)))


def _falx(scene: Scene, rng: np.random.Generator, _brain: Brain) -> None:
    for _ in range(int(rng.integers(1, 4))):
        centre = (float(rng.uniform(98, 122)), float(rng.uniform(-60, 30)), float(rng.normal(0, 0.6)))
        _speck(
            scene, centre, (float(rng.uniform(4, 9)), float(rng.uniform(5, 16)), float(rng.uniform(1, 2.2))), float(rng.uniform(180, 600))
        )


def _choroid(scene: Scene, rng: np.random.Generator, _brain: Brain) -> None:
    for side in (-1, 1):
        size = float(rng.uniform(2.5, 4.5))
        _speck(scene, (71, 36, side * 21.0), (size, size * 1.2, size * 0.8), float(rng.uniform(150, 420)))


def _pineal(scene: Scene, rng: np.random.Generator, _brain: Brain) -> None:
    size = float(rng.uniform(2.4, 4.5))
    _speck(scene, (55, 17, 0), (size, size, size), float(rng.uniform(180, 420)))


def _basal_ganglia(scene: Scene, rng: np.random.Generator, _brain: Brain) -> None:
    for side in (-1, 1):
        _speck(scene, (60, -4 + float(rng.normal(0, 1)), side * 20), (4, float(rng.uniform(3.5, 7)), 2.6), float(rng.uniform(65, 150)))


def _lacune(scene: Scene, rng: np.random.Generator, _brain: Brain) -> None:
    side = float(rng.choice([-1, 1]))
    z, y, x = ((66, -2, 25), (64, 8, 11), (82, 0, 24), (31, 6, 5))[int(rng.integers(4))]
    radius = float(rng.uniform(2.2, 4.2))
    _speck(scene, (float(z), float(y), side * x), (radius, radius * 1.2, radius), CSF_HU + 4)


def _cyst(scene: Scene, rng: np.random.Generator, brain: Brain) -> None:
    side = float(rng.choice([-1, 1]))
    size = float(rng.uniform(0.6, 1.25))
    places: tuple[tuple[Triple, Triple], ...] = (
        ((40, -34, side * 46), (14, 13, 12)),
        ((20, 62, side * 10), (12, 15, 18)),
        ((112, -20, side * 48), (16, 20, 12)),
    )
    centre, radii = places[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
    reach = (radii[0] * size, radii[1] * size, radii[2] * size)
    box = scene.around(*centre, max(reach) + 4)
    part = brain.place(box)
    if not brain.cavity[part].size:
        return
    trimmed = tuple(slice(p.start + b.start, p.stop + b.start) for p, b in zip(part, brain.box, strict=True))
    box = (trimmed[0], trimmed[1], trimmed[2])
    distance = np.maximum(ellipsoid(scene.reference(box), centre, reach), brain.cavity[part] + 0.4)
    scene.canvas.paint(inside(distance, 1.3), CSF_HU, box)


def _scalp(scene: Scene, _rng: np.random.Generator, _brain: Brain) -> None:
    own = generator(scene.study.seed, "scalp swelling")
    side = float(own.choice([-1, 1]))
    z, y, x = ((96, -66, 34), (78, 30, 64), (66, 82, 20), (112, -10, 50))[int(own.integers(4))]
    swelling(scene, (float(z), float(y), side * x), float(own.uniform(4, 11)), float(own.uniform(20, 34)))


_PAINTERS: dict[str, Callable[[Scene, np.random.Generator, Brain], None]] = {
    "calcified_falx": _falx,
    "calcified_choroid": _choroid,
    "calcified_pineal": _pineal,
    "calcified_basal_ganglia": _basal_ganglia,
    "old_lacune": _lacune,
    "arachnoid_cyst": _cyst,
    "scalp_swelling": _scalp,
}
