"""Networks of MONAI: equal to MONAI called directly, checkpoints as trainers write them, and those that do not fit."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor  # pyright: ignore[reportPrivateImportUsage]
from monai.networks import nets as monai_nets
from monai.transforms import Orientation  # pyright: ignore[reportPrivateImportUsage]
from safetensors.torch import save_file
from torch import Tensor, nn

from scanbank.embed.registry import open_encoder
from scanbank.embed.views import volume_voxels
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError
from scanbank.store.scan import Volume

nets: Any = monai_nets
SHAPE = (1, 1, 32, 32, 32)


def _given(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(2).random(shape, np.float32)


def _hooked(find: Callable[[Any], nn.Module]) -> Callable[[Any, Tensor], Tensor]:
    """The mean of what a part gives while the whole network runs."""

    def features(network: Any, voxels: Tensor) -> Tensor:
        kept: list[Tensor] = []
        handle = find(network).register_forward_hook(lambda *given: kept.append(given[-1]))
        network(voxels)
        handle.remove()
        return kept[0].mean(dim=(2, 3, 4))

    return features


def _without(name: str, layer: str) -> Callable[[Any, Tensor], Tensor]:
    """What the network gives without a layer of a part of it."""

    def features(network: Any, voxels: Tensor) -> Tensor:
        setattr(network.get_submodule(name), layer, nn.Identity())
        return network(voxels)

    return features


def _swin(network: Any, voxels: Tensor) -> Tensor:
    return network.swinViT(voxels, True)[4].mean(dim=(2, 3, 4))


def _vit(**more: Any) -> Any:
    return nets.ViT(in_channels=1, img_size=32, patch_size=16, hidden_size=64, mlp_dim=48, num_layers=2, num_heads=1, **more)


CASES: dict[str, tuple[str, Callable[[], Any], Callable[[Any, Tensor], Tensor]]] = {
    "resnet10": ("resnet10", lambda: nets.resnet10(n_input_channels=1, num_classes=3, widen_factor=0.25), _without("", "fc")),
    "resnet18-A": (
        "resnet18",
        lambda: nets.resnet18(n_input_channels=1, widen_factor=0.125, shortcut_type="A", conv1_t_size=3),
        _without("", "fc"),
    ),
    "resnet50": (
        "resnet50",
        lambda: nets.resnet50(n_input_channels=1, feed_forward=False, widen_factor=0.0625, bias_downsample=False),
        nn.Module.__call__,
    ),
    "densenet121": (
        "densenet121",
        lambda: nets.DenseNet121(spatial_dims=3, in_channels=1, out_channels=5, init_features=8, growth_rate=4),
        _without("class_layers", "out"),
    ),
    "vit": ("vit", _vit, lambda network, voxels: network(voxels)[0].mean(dim=1)),
    "vit-class": ("vit", lambda: _vit(classification=True, qkv_bias=True), lambda network, voxels: _class_token(network, voxels)),
    "swinunetr": ("swinunetr", lambda: nets.SwinUNETR(1, 3, feature_size=12, window_size=4, depths=(1, 2, 1, 1)), _swin),
    "unet": (
        "unet",
        lambda: nets.UNet(3, 1, 2, channels=(4, 8, 16), strides=(2, 2), num_res_units=2, norm="batch"),
        _hooked(lambda network: network.model[1].submodule[1].submodule),
    ),
    "unet-plain": (
        "unet",
        lambda: nets.UNet(3, 1, 2, channels=(4, 8, 16, 24), strides=(2, 2, 2), kernel_size=3),
        _hooked(lambda network: network.model[1].submodule[1].submodule[1].submodule),
    ),
    "basicunet": (
        "basicunet",
        lambda: nets.BasicUNet(3, 1, 2, features=(4, 4, 8, 8, 16, 6)),
        _hooked(lambda network: network.down_4),
    ),
    "segresnet": (
        "segresnet",
        lambda: nets.SegResNet(init_filters=8, blocks_down=(1, 2, 3), blocks_up=(1, 1)),
        _hooked(lambda network: network.down_layers[-1]),
    ),
    "dynunet": (
        "dynunet",
        lambda: nets.DynUNet(
            3, 1, 2, kernel_size=(3, (3, 3, 1), 3), strides=(1, 2, (2, 2, 1)), upsample_kernel_size=(2, (2, 2, 1)), filters=(4, 8, 16),
            res_block=True, deep_supervision=True,
        ),
        _hooked(lambda network: network.bottleneck),
    ),
}  # fmt: skip


def _class_token(network: Any, voxels: Tensor) -> Tensor:
    network.classification_head = nn.Identity()
    return network(voxels)[0]


def made(case: str) -> tuple[str, Any, Callable[[Any, Tensor], Tensor]]:
    """The name, a network with random weights and running statistics, and what its features are by MONAI itself."""
    name, build, features = CASES[case]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = build().eval()
        for buffer_name, buffer in network.named_buffers():
            if buffer_name.endswith("running_mean"):
                buffer.uniform_(-0.5, 0.5)
    return name, network, features


@pytest.mark.parametrize("case", CASES)
def test_features_are_those_of_monai(case: str, tmp_path: Path) -> None:
    name, network, features = made(case)
    torch.save(network.state_dict(), tmp_path / "best.pt")
    encoder = open_encoder(f"monai:{name}@{tmp_path / 'best.pt'}", device="cpu")
    given = _given()
    with torch.no_grad():
        expected = features(network, torch.from_numpy(given)).numpy()
    assert encoder.spec.name == f"monai:{name}@best"
    assert encoder.spec.dim == expected.shape[1]
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(encoder.encode_volumes(given).vector, expected, rtol=1e-4, atol=1e-5)


def test_tokens_are_the_hidden_states(tmp_path: Path) -> None:
    _, network, _ = made("vit-class")
    torch.save(network.state_dict(), tmp_path / "vit.pt")
    encoder = open_encoder(f"monai:vit@{tmp_path / 'vit.pt'}", device="cpu")
    found = encoder.encode_volumes(_given(), layers=[1, 2])
    with torch.no_grad():
        said = network(torch.from_numpy(_given()))[1]
    assert found.tokens is not None
    assert (found.grid, encoder.view.shape) == ((2, 2, 2), (32, 32, 32))
    for layer, tokens in found.tokens.items():
        np.testing.assert_allclose(tokens, said[layer - 1][:, 1:].numpy(), atol=1e-5)
    with pytest.raises(EncoderError, match=r"takes volumes of \(32, 32, 32\) voxels; found \(16, 32, 32\)"):
        encoder.encode_volumes(_given((1, 1, 16, 32, 32)))


class TestLayouts:
    """The same weights, as trainers wrap them, are the same encoder."""

    @pytest.fixture
    def expected(self, tmp_path: Path) -> tuple[Any, str]:
        _, network, _ = made("resnet10")
        save_file(network.state_dict(), tmp_path / "plain.safetensors")
        return network, open_encoder(f"monai:resnet10@{tmp_path / 'plain.safetensors'}", device="cpu").spec.weights

    @pytest.mark.parametrize(
        ("nest", "prefix"),
        [
            (lambda s: {"state_dict": s, "epoch": 3, "best": 0.5}, "module."),
            (lambda s: {"model": {"state_dict": s}}, ""),
            (lambda s: {"net": s, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}}, "_orig_mod.module."),
            (lambda s: {"state_dict": s | {"loss.weight": torch.ones(3)}}, "net.backbone."),
        ],
    )
    @pytest.mark.parametrize("zipped", [True, False])
    def test_wrapped(self, expected: tuple[Any, str], tmp_path: Path, nest: Any, prefix: str, zipped: bool) -> None:
        network, digest = expected
        state = {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
        torch.save(nest(state), tmp_path / "wrapped.pth", _use_new_zipfile_serialization=zipped)
        assert open_encoder(f"monai:resnet10@{tmp_path / 'wrapped.pth'}", device="cpu").spec.weights == digest

    def test_files_of_medical_net_are_known_by_name(self, tmp_path: Path) -> None:
        network = nets.resnet10(n_input_channels=1, feed_forward=False, widen_factor=0.25, conv1_t_stride=2, bias_downsample=False).eval()
        state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
        torch.save({"state_dict": state}, tmp_path / "resnet_10_23dataset.pth")
        encoder = open_encoder(f"monai:resnet10@{tmp_path / 'resnet_10_23dataset.pth'}", device="cpu")
        with torch.no_grad():
            expected = network(torch.from_numpy(_given())).numpy()
        np.testing.assert_allclose(encoder.encode_volumes(_given()).vector, expected, rtol=1e-4, atol=1e-5)

    def test_self_supervised_swin_without_its_decoder(self, tmp_path: Path) -> None:
        _, network, features = made("swinunetr")
        state = {f"module.{name}".replace("mlp.linear", "mlp.fc"): value for name, value in network.swinViT.state_dict().items()}
        torch.save({"state_dict": state | {"module.rotation_head.weight": torch.ones(4, 12)}}, tmp_path / "model_swinvit.pt")
        encoder = open_encoder(f"monai:swinunetr@{tmp_path / 'model_swinvit.pt'}", device="cpu")
        with torch.no_grad():
            expected = features(network, torch.from_numpy(_given())).numpy()
        np.testing.assert_allclose(encoder.encode_volumes(_given()).vector, expected, rtol=1e-4, atol=1e-5)


def test_json_beside_the_checkpoint_tells_what_weights_do_not(tmp_path: Path) -> None:
    network = nets.UNet(3, 1, 2, channels=(4, 8, 16), strides=(1, 2)).eval()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    (tmp_path / "net.json").write_text(json.dumps({"strides": [1, 2]}))
    encoder = open_encoder(f"monai:unet@{tmp_path / 'net.pt'}", device="cpu")
    with torch.no_grad():
        expected = _hooked(lambda n: n.model[1].submodule[1].submodule)(network, torch.from_numpy(_given())).numpy()
    np.testing.assert_allclose(encoder.encode_volumes(_given()).vector, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "network", "note"),
    [
        ("resnet10", lambda: nets.resnet10(n_input_channels=1, widen_factor=0.25), "conv1_t_stride (1 taken)"),
        (
            "vit",
            lambda: nets.ViT(1, (16, 16, 16), (8, 8, 8), hidden_size=128, mlp_dim=8, num_layers=1, num_heads=4),
            "num_heads (2 taken), img_size ((16, 16, 16) taken)",
        ),
        ("unet", lambda: nets.UNet(3, 1, 2, (4, 8), (1,)), "strides ((2,) taken), norm (instance taken), act (prelu taken)"),
        ("unet", lambda: nets.UNet(3, 1, 2, (4, 8), (1,), norm="batch"), "strides ((2,) taken), act (prelu taken)"),
    ],
)
def test_what_is_assumed_is_told_with_the_file_that_can_say(tmp_path: Path, name: str, network: Callable[[], Any], note: str) -> None:
    torch.save(network().state_dict(), tmp_path / "my.net.pt")
    uri = f"monai:{name}@{tmp_path / 'my.net.pt'}"
    told = "orientation (axes Z, Y, X in LPS taken); my.net.json beside the checkpoint can say"
    assert open_encoder(uri, device="cpu").note == f"weights do not tell {note}, {told}"
    said = {"conv1_t_stride": 1} if name == "resnet10" else {"num_heads": 4, "img_size": [16] * 3} if name == "vit" else {"strides": [1]}
    (tmp_path / "my.net.json").write_text(json.dumps(said | {"orientation": "RAS"}))
    left = [part for part in note.split(", ") if "norm" in part or "act (" in part]
    found = open_encoder(uri, device="cpu").note
    assert found == (f"weights do not tell {', '.join(left)}; my.net.json beside the checkpoint can say" if left else "")


def test_random_weights_assume_nothing() -> None:
    assert open_encoder("monai:resnet10+random0", device="cpu").note == ""


def test_networks_of_monais_axes(tmp_path: Path) -> None:
    """The view gives a scan as MONAI's own Orientation and Spacing do, axes (X, Y, Z)."""
    torch.save(made("resnet10")[1].state_dict(), tmp_path / "net.pt")
    plain = open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}", device="cpu")
    (tmp_path / "net.json").write_text(json.dumps({"orientation": "RAS"}))
    encoder = open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}", device="cpu")
    assert plain.view.orientation == "LPS"
    assert encoder.spec == plain.spec
    stored = np.random.default_rng(6).integers(-900, 900, (12, 10, 8)).astype(np.int16)  # axes (Z, Y, X) in LPS
    lps = np.diag([1.5, 1.5, 1.5, 1.0])
    heights = np.linspace(0, 16.5, 12, dtype=np.float64)
    volume = Volume(stored, lps, (1.5, 1.5, 1.5), 0, heights, heights, has_hu=True)
    seen, _ = volume_voxels(volume, replace(encoder.view, shape=None), (0.0, 1.0))
    ras = np.diag([-1.5, -1.5, 1.5, 1.0])  # of an array (X, Y, Z), as NIfTI has it
    turned = Orientation(axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S")))(
        MetaTensor(torch.from_numpy(stored.transpose(2, 1, 0).copy())[None].float(), affine=torch.from_numpy(ras))
    )
    np.testing.assert_allclose(seen, (np.asarray(turned) + 1000) / 2000, atol=1e-6)


def test_random_weights_are_those_of_monai() -> None:
    encoder = open_encoder("monai:resnet10+random0", device="cpu")
    torch.manual_seed(0)
    network = nets.resnet10(n_input_channels=1, feed_forward=False).eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(_given())).numpy()
    np.testing.assert_allclose(encoder.encode_volumes(_given()).vector, expected, rtol=1e-4, atol=1e-5)
    assert (encoder.spec.name, encoder.spec.dim) == ("monai:resnet10+random0", 512)
    assert encoder.view.label == "ctclip,1.5x1.5x1.5mm,96x96x96"


class TestBroken:
    def test_names(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'resnet18'"):
            open_encoder("monai:resnet19@x.pt")
        with pytest.raises(UsageError, match="write monai:resnet18@CHECKPOINT"):
            open_encoder("monai:resnet18")
        with pytest.raises(EncoderError, match=r"'monai:resnet18@x' has no weights .*looked for the file .*x.pt"):
            open_encoder(f"monai:resnet18@{tmp_path / 'x.pt'}")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("densenet121", r"holds another network: it lacks features.conv0.weight and has \d+ tensors such as bn1.bias"),
            ("resnet50", r"do not fit the network \((Missing|Unexpected) key.*JSON file beside the checkpoint, of its name \(net.json\)"),
        ],
    )
    def test_another_network(self, tmp_path: Path, name: str, message: str) -> None:
        torch.save(made("resnet10")[1].state_dict(), tmp_path / "net.pt")
        with pytest.raises(EncoderError, match=message) as caught:
            open_encoder(f"monai:{name}@{tmp_path / 'net.pt'}", device="cpu")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "net.json cannot be read"),
            ("[1]", "expected an object of constructor arguments"),
            ('{"colour": 1}', "MONAI cannot build the network .*colour"),
            ('{"conv1_t_size": 9}', "do not fit the network .*size mismatch for conv1.weight"),
            ('{"orientation": "up"}', "orientation 'up'; expected axcodes such as RAS"),
        ],
    )
    def test_json_that_does_not_fit(self, tmp_path: Path, text: str, message: str) -> None:
        torch.save(made("resnet10")[1].state_dict(), tmp_path / "net.pt")
        (tmp_path / "net.json").write_text(text)
        with pytest.raises(EncoderError, match=message) as caught:
            open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}", device="cpu")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
    @pytest.mark.parametrize("content", [b"not weights at all", b""])
    def test_a_damaged_file(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EncoderError, match=rf"{name} cannot be loaded") as caught:
            open_encoder(f"monai:resnet10@{tmp_path / name}")
        assert "\n" not in str(caught.value)

    def test_a_file_cut_short(self, tmp_path: Path) -> None:
        torch.save(made("resnet10")[1].state_dict(), tmp_path / "net.pt")
        whole = (tmp_path / "net.pt").read_bytes()
        (tmp_path / "net.pt").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(EncoderError, match=r"net.pt cannot be loaded"):
            open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}")

    @pytest.mark.parametrize("value", [[1, 2], {"state_dict": {}}, {"epoch": 3}])
    def test_no_tensors(self, tmp_path: Path, value: Any) -> None:
        torch.save(value, tmp_path / "net.pt")
        with pytest.raises(EncoderError, match=r"holds no tensors by name, but (list|dict); save model.state_dict\(\)"):
            open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}")

    def test_a_pickle_is_not_executed(self, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "sprung",)

        torch.save({"state_dict": {"conv1.weight": Trap()}}, tmp_path / "net.pt", pickle_module=pickle)
        with pytest.raises(EncoderError, match=r"net.pt cannot be loaded"):
            open_encoder(f"monai:resnet10@{tmp_path / 'net.pt'}")
        assert not (tmp_path / "sprung").exists()
