"""One encoder of each kind, small enough to be run in a test."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from monai.networks import nets as monai_nets

from adapted_encoders import adapted
from scanbank.embed.adapt.artifact import write_artifact
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.encoder import Encoder, Side
from scanbank.embed.registry import open_encoder
from siglip_folders import siglip_folder
from small_ctclip import CONFIG, published_state, small

nets: Any = monai_nets
TINY_CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
TEXTS = ("a head ct with hemorrhage", "a normal head ct", "the lungs are clear")
SIDES: dict[str, tuple[Side, ...]] = {
    "adapted:FOLDER/small-adapted": ("slice",),
    "intensity": ("slice",),
    "tiny": ("volume", "text"),
    "ctclip:FOLDER/small-ctclip.pt": ("volume", "text"),
    "http://SERVER": ("volume", "text"),
    "timm:test_resnet+random0": ("slice",),
    "timm:test_vit+random0": ("slice",),
    "open_clip:scanbank-test-clip+random0": ("slice", "text"),
    "siglip:FOLDER/small-siglip": ("slice", "text"),
    "siglip:FOLDER/small-medsiglip": ("slice", "text"),
    "torchvision:shufflenet_v2_x0_5+random0": ("slice",),
    "torchvision:r3d_18+random0": ("volume",),
    "monai:resnet10+random0": ("volume",),
    "monai:unet@FOLDER/small-unet.pt": ("volume",),
    "monai:vit@FOLDER/small-vit.pt": ("volume",),
    "module:depth_net_of_docs:open_encoder": ("volume", "text"),
    "scanbank-zoo:mean": ("slice",),
}
"""What each offers. FOLDER stands for the one that `prepare` was given, SERVER for one that serves `tiny`."""
_SMALL = {
    "tiny": (20, 24, 32),
    "http://SERVER": (20, 24, 32),
    "torchvision:r3d_18+random0": (8, 16, 16),
    "monai:resnet10+random0": (16, 16, 16),
    "monai:unet@FOLDER/small-unet.pt": (16, 16, 16),
    "module:depth_net_of_docs:open_encoder": (16, 24, 32),
}
"""(Z, Y, X) of volumes that are smaller than the encoder's view."""
_PLUGIN = """
    import numpy as np
    from scanbank.embed import Encoded, Encoder
    from scanbank.store import EncoderSpec, ViewSpec, Window

    class Means(Encoder):
        def __init__(self, name):
            self.spec, self.view = EncoderSpec(name, "1", dim=2), ViewSpec((Window(-1000, 1000),))
            self.offers, self.channels = frozenset({"slice"}), frozenset({1})

        def _encode(self, side, batch):
            return Encoded(np.stack([batch.mean((1, 2, 3)), batch.std((1, 2, 3))], axis=1))

    def open_encoder(name, *, random_weights, device):
        return Means(name)

    def none(name, *, random_weights, device):
        pass

    def fails(name, *, random_weights, device):
        raise LookupError(f"no {name}\\nin two lines")

    number = 3
"""


def docs_example() -> str:
    """The worked example of docs/encoders.md."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "encoders.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return code


def plugin(folder: Path, *schemes: str, module: str = "scanbank_zoo_plugin", package: str = "scanbank-zoo") -> None:
    """A package in `folder` as pip installs one, with entry points given as `scheme=function`."""
    (folder / f"{module}.py").write_text(textwrap.dedent(_PLUGIN))
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "".join(f"{scheme.replace('=', f' = {module}:')}\n" for scheme in schemes)
    (info / "entry_points.txt").write_text(f"[scanbank.encoders]\n{points}")


def prepare(folder: Path) -> None:
    """Write what the encoders of `SIDES` need, and put the folder on the Python path, where the caller takes it off again."""
    (folder / "scanbank-test-clip.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder / "scanbank-test-clip.json")
    siglip_folder(folder / "small-siglip")
    siglip_folder(folder / "small-medsiglip", seed=1)
    (folder / "depth_net_of_docs.py").write_text(docs_example())
    plugin(folder, "scanbank-zoo=open_encoder")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save({"state_dict": small_unet().state_dict()}, folder / "small-unet.pt")
        torch.save({"net": small_vit().state_dict()}, folder / "small-vit.pt")
        torch.save(published_state(small(CONFIG)), folder / "small-ctclip.pt")
    (folder / "small-ctclip.json").write_text(json.dumps(CONFIG.to_dict()))
    write_artifact(folder / "small-adapted", adapted("small-adapted", "timm:test_vit+random0", Moving("lora", rank=2)))
    words = dict.fromkeys(word for text in TEXTS for word in text.split())
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    sys.path.append(str(folder))


def small_unet() -> Any:
    return nets.UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(4, 8, 16), strides=(2, 2), num_res_units=1)


def small_vit() -> Any:
    return nets.ViT(in_channels=1, img_size=(16, 32, 16), patch_size=(8, 16, 8), hidden_size=64, mlp_dim=32, num_layers=2, num_heads=1)


def open_one(key: str, folder: Path, server: str) -> Encoder:
    """The encoder of a key; what is served runs where its server does."""
    if key == "http://SERVER":
        return open_encoder(server)
    if key.startswith("ctclip:"):
        key = f"{key},FOLDER/small-ctclip.json"
    return open_encoder(key.replace("FOLDER", str(folder)), device="cpu")


def batch_for(key: str, encoder: Encoder, side: Side, count: int = 3, channels: int = 1) -> Any:
    """Texts, or numbers from 0 to 1, of what the encoder takes."""
    if side == "text":
        return list(TEXTS[:count])
    shape = encoder.view.size or (40, 48)
    if side == "volume":
        shape = _SMALL.get(key) or encoder.view.shape or ()
    return np.random.default_rng(0).random((count, channels, *shape), np.float32)


def encode(encoder: Encoder, side: Side, batch: Any) -> Any:
    return {"volume": encoder.encode_volumes, "slice": encoder.encode_slices, "text": encoder.encode_texts}[side](batch)
