import numpy as np

from scanbank.scripts.tiny.augment import augmented


def scan() -> np.ndarray:
    hu = np.full((6, 20, 24), -1000, np.int16)
    hu[1:5, 6:14, 8:16] = 40
    return hu


def test_padding_stays_padding_and_values_stay_in_range():
    for seed in range(20):
        values = augmented(scan(), np.random.default_rng(seed))
        assert values.dtype == np.float32
        assert values.min() >= -1
        assert values.max() <= 1
        assert (values[0] == -1).all()
        assert (values[5] == -1).all()
        assert (values[1:5] > -1).any(axis=(1, 2)).all()


def test_the_body_is_moved_by_a_few_voxels_only():
    for seed in range(20):
        values = augmented(scan(), np.random.default_rng(seed))
        body = np.argwhere(values > np.median(values[1:5]) + 0.3)
        centre = body.mean(0)
        assert abs(centre[1] - 9.5) <= 6
        assert abs(centre[2] - 11.5) <= 6


def test_the_same_seed_gives_the_same_voxels():
    np.testing.assert_array_equal(augmented(scan(), np.random.default_rng(3)), augmented(scan(), np.random.default_rng(3)))
