import pytest
import torch

from scanbank.embed.tiny.image import REGIONS, Fine, ImageConfig, ImageEncoder, in_scan, shares

CONFIG = ImageConfig(((-1.0, 1.0), (-0.5, 0.0)), (-0.5, 0.0, 0.9), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(2, 3), dim=8)


@pytest.fixture
def encoder() -> ImageEncoder:
    torch.manual_seed(0)
    model = ImageEncoder(CONFIG).eval()
    for name, parameter in model.named_parameters():  # what begins as zero would hide a path
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
        elif name.endswith("weight"):
            torch.nn.init.ones_(parameter)
    return model


def voxels(count=2, planes=8) -> torch.Tensor:
    return torch.rand(count, 1, planes, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_vectors_are_of_unit_length_and_one_a_depth(encoder):
    volume, depth, valid = encoder(voxels())
    assert volume.shape == (2, 8)
    assert depth.shape == (2, 4, 8)
    assert valid.all()
    torch.testing.assert_close(volume.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(depth.norm(dim=-1), torch.ones(2, 4))


def test_planes_of_padding_are_no_part_of_the_scan(encoder):
    x = voxels(1)
    x[:, :, :3] = -1  # the first depth is padding, the second half so
    assert in_scan(x).tolist() == [[False, True, True, True]]
    _, _, valid = encoder(x)
    assert valid.tolist() == [[False, True, True, True]]


def test_a_volume_of_nothing_but_air_still_has_a_vector(encoder):
    volume, _, valid = encoder(torch.full((1, 1, 8, 32, 48), -1.0))
    assert torch.isfinite(volume).all()
    assert valid.all()


def test_left_and_right_are_told_apart(encoder):
    x = voxels(1)
    assert not torch.allclose(encoder(x)[0], encoder(x.flip(-1))[0], atol=1e-3)


def test_gradients_reach_every_weight(encoder):
    volume, depth, _ = encoder(voxels())
    (volume.sum() + depth.sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_odd_planes_and_a_single_one_are_encoded(encoder):
    x = voxels(1, 7)
    torch.testing.assert_close(encoder(x)[0], encoder(torch.cat([x, torch.full_like(x[:, :, :1], -1)], 2))[0])
    volume, depth, valid = encoder(voxels(1, 1))
    assert (volume.shape, depth.shape, valid.tolist()) == ((1, 8), (1, 1, 8), [[True]])


def test_other_sizes_than_that_of_training_are_encoded(encoder):
    volume, depth, _ = encoder(torch.rand(1, 1, 6, 40, 36) * 2 - 1)
    assert volume.shape == (1, 8)
    assert depth.shape == (1, 3, 8)


def test_spots_lie_on_the_plane_and_their_sides_are_told_apart(encoder):
    seen = encoder.look(voxels())
    assert [tuple(one.shape) for one in seen.spots] == [(2, 12, 4, 4, 6), (2, 12, 4, 2, 3)]


def test_shares_above_levels_as_a_loop_counts_them():
    x = voxels(2, 6)
    levels = torch.tensor([-0.5, 0.0, 0.9])
    found = shares(x, levels).view(2, *REGIONS, 3, 3)
    for b, z, row, column, level in torch.cartesian_prod(*(torch.arange(n) for n in (2, 3, *REGIONS, 3))).tolist():
        rows = [y for y in range(32) if y * REGIONS[0] // 32 == row]
        columns = [c for c in range(48) if c * REGIONS[1] // 48 == column]
        part = x[b, 0, 2 * z : 2 * z + 2][:, rows][:, :, columns]
        expected = torch.log((part > levels[level]).float().mean() + 1e-3)
        torch.testing.assert_close(found[b, row, column, level, z], expected)


def test_a_single_bright_voxel_comes_through_the_first_look():
    """As bright as it is, not as an eighth of it."""
    torch.manual_seed(0)
    fine = Fine(((-1.0, 1.0),), 1).eval()
    torch.nn.init.zeros_(fine.mean.weight)
    torch.nn.init.ones_(fine.brightest.weight)
    x = torch.full((1, 1, 2, 4, 4), -1.0)
    x[0, 0, 1, 2, 3] = 0.75
    torch.testing.assert_close(fine(x), torch.tensor([[[[[0, 0], [0, 0.75]]]]]).float() / (1 + 1e-5) ** 0.5)
