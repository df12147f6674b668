"""Cells of findings on the view's grid, against masks that went the way of voxels."""

import numpy as np
import pytest

from phantom_bodies import ball, body, series, study
from scanbank.embed.views import volume_voxels
from scanbank.eval.phantoms.acquire import acquire
from scanbank.eval.phantoms.masks import masks_of
from scanbank.eval.phantoms.model import Lesion, Series
from scanbank.eval.phantoms.volume import volume_of
from scanbank.scripts.tiny.cells import finding_cells, place_targets
from scanbank.store.scan import Volume
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import Window

VIEW = ViewSpec(windows=(Window(0, 1),), spacing_mm=(4.0, 3.0, 3.0), shape=(24, 32, 40))
NAMES = ("mass", "nodule", "pleural_effusion")


@pytest.mark.parametrize("planned", [series(), series(tilt_deg=14.0)], ids=["axial", "tilted"])
def test_cells_are_where_a_mask_would_be_if_it_were_resampled(planned: Series):
    made = study(Lesion("nodule", "left", "", 10, 0.5), Lesion("pleural_effusion", "left", "", 10, 0.5))
    acquired = acquire(body(0, ball((0, 10, -20), 12), ball((-10, -20, 25), 14)), planned)
    volume, masks = volume_of(acquired), masks_of(made, acquired)
    cells = finding_cells(masks, NAMES, acquired, volume, VIEW)
    assert cells.shape == (12, 8, 10)
    assert not (cells & 1).any()
    order = np.argsort(acquired.series.positions_mm, kind="stable")
    for place, name in ((1, "nodule"), (2, "pleural_effusion")):
        as_volume = Volume(
            masks[name][order].astype(np.int16), volume.affine, volume.spacing_mm, 0, volume.z_mm, volume.positions_mm, has_hu=True
        )
        share = volume_voxels(as_volume, VIEW, (0.0, 1.0))[0][0].reshape(12, 2, 8, 4, 10, 4).max(axis=(1, 3, 5))
        lit = ((cells >> place) & 1).astype(bool)
        assert lit[share > 0.75].all()  # a cell with a voxel well inside is lit
        assert (share[lit] > 0).all()  # and none without a part of one


def test_targets_are_coarser_by_half_and_a_quarter_in_the_plane():
    cells = np.zeros((1, 2, 4, 8), np.uint16)
    cells[0, 1, 3, 5] = 0b101
    cells[0, 0, 0, 0] = 0b010
    half, quarter = place_targets(cells, 3)
    assert (half.shape, quarter.shape) == ((1, 3, 2, 2, 4), (1, 3, 2, 1, 2))
    assert [tuple(at) for at in half.nonzero().tolist()] == [(0, 0, 1, 1, 2), (0, 1, 0, 0, 0), (0, 2, 1, 1, 2)]
    assert [tuple(at) for at in quarter.nonzero().tolist()] == [(0, 0, 1, 0, 1), (0, 1, 0, 0, 0), (0, 2, 1, 0, 1)]
