import numpy as np

from scanbank.scripts.tiny.augment import augmented


def scan() -> tuple[np.ndarray, np.ndarray]:
    """A body in air between two planes of padding, and the cells that it fills."""
    hu = np.full((6, 20, 24), -1000, np.int16)
    hu[2:4, 8:12, 8:16] = 40
    hu[[1, 4]] = -900
    cells = np.zeros((3, 5, 6), np.uint16)
    cells[1, 2, 2:4] = 4
    return hu, cells


def test_padding_stays_padding_and_values_stay_in_range():
    for seed in range(20):
        values, _ = augmented(*scan(), np.random.default_rng(seed))
        assert values.dtype == np.float32
        assert values.min() >= -1
        assert values.max() <= 1
        assert (values[0] == -1).all()
        assert (values[5] == -1).all()


def test_the_body_and_its_cells_are_moved_together_by_a_few_voxels_only():
    moved = set()
    for seed in range(30):
        values, cells = augmented(*scan(), np.random.default_rng(seed))
        lit = np.argwhere(cells == 4)
        assert len(lit) == 2
        by_cell = values.reshape(3, 2, 5, 4, 6, 4).mean(axis=(1, 3, 5))
        brightest = np.argwhere(by_cell > (by_cell.max() + np.median(by_cell)) / 2)
        np.testing.assert_array_equal(lit, brightest)
        moved.add(tuple(lit[0] - (1, 2, 2)))
    assert moved <= {(0, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    assert len(moved) > 4


def test_the_same_seed_gives_the_same_voxels():
    one, two = (augmented(*scan(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
