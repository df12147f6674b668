import pytest
import torch

from scanbank.embed.tiny.image import ImageConfig, ImageEncoder, in_scan

CONFIG = ImageConfig(((-1.0, 1.0), (-0.5, 0.0)), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(2, 3), dim=8)


@pytest.fixture
def encoder() -> ImageEncoder:
    torch.manual_seed(0)
    model = ImageEncoder(CONFIG).eval()
    for parameter in model.parameters():  # what begins as zero would hide a path
        torch.nn.init.normal_(parameter, std=0.2)
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


def test_other_sizes_than_that_of_training_are_encoded(encoder):
    volume, depth, _ = encoder(torch.rand(1, 1, 6, 40, 36) * 2 - 1)
    assert volume.shape == (1, 8)
    assert depth.shape == (1, 3, 8)
