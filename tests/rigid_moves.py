"""Rigid transforms for tests."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def transform(degrees: tuple[float, float, float], shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    """(4, 4) from turns about x, y, z and a shift in mm."""
    made = np.eye(4)
    made[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    made[:3, 3] = shift
    return made
