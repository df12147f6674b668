"""The scan's array turned so that its axes run where a view wants them: a matter of transposing and flipping, nothing is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..store.errors import ViewError
from ..store.scan import Volume

CANONICAL = "LPS"
_AXIS = {"L": (2, 1), "R": (2, -1), "P": (1, 1), "A": (1, -1), "S": (0, 1), "I": (0, -1)}
"""For each direction the axis of the canonical array (Z, Y, X) along it, and whether it runs there or away."""


def check_orientation(orientation: str) -> None:
    """Say whether a text names the directions of three axes.

    Raises:
        ViewError: it is not three letters, one of each pair L/R, P/A and S/I.
    """
    if len(orientation) != 3 or {_AXIS.get(letter, (-1, 0))[0] for letter in orientation} != {0, 1, 2}:
        raise ViewError(
            f"view has orientation {orientation!r}; expected where X, Y and Z run to, one letter of each pair L/R, P/A and S/I, such as LPS"
        )


def oriented(volume: Volume, orientation: str) -> Volume:
    """The volume with its array (Z, Y, X) turned so that X runs to the first letter, Y to the second and Z to the third.

    Everything that goes with the voxels (affine, spacing, the slices' axis and places) is turned along; `positions_mm` begin at 0
    where the slices' order is reversed.

    Raises:
        ViewError: the orientation is none.
    """
    if orientation == CANONICAL:
        return volume
    check_orientation(orientation)
    turns = [_AXIS[letter] for letter in reversed(orientation)]  # of the new Z, Y, X
    order, signs = [axis for axis, _ in turns], [sign for _, sign in turns]
    voxels = volume.voxels.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    # columns of the affine go with x, y, z: the reverse of the array's axes
    affine = np.eye(4)
    affine[:, 3] = volume.affine[:, 3]
    for new, (old, sign) in enumerate(turns):
        column = volume.affine[:, 2 - old]
        affine[:, 2 - new] = sign * column
        if sign < 0:
            affine[:, 3] += column * (volume.voxels.shape[old] - 1)
    new_axis = order.index(volume.slice_axis)
    z_mm, positions = volume.z_mm, volume.positions_mm
    if signs[new_axis] < 0:
        z_mm, positions = z_mm[::-1], (positions[-1] - positions)[::-1]
    a, b, c = (volume.spacing_mm[axis] for axis in order)
    return replace(volume, voxels=voxels, affine=affine, spacing_mm=(a, b, c), slice_axis=new_axis, z_mm=z_mm, positions_mm=positions)
