"""One small encoder of each kind whose text side can be learned through."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import torch

from encoder_zoo import TEXTS, TINY_CLIP
from scanbank.embed.registry import open_encoder
from scanbank.embed.torch_encoder import TorchEncoder
from siglip_folders import siglip_folder
from small_ctclip import CONFIG, published_state, small

LEARNABLE = ("tiny", "open_clip", "siglip", "ctclip")


def learnable(kind: str, folder: Path) -> TorchEncoder:
    """Of random weights where it is not `tiny`; its files are written to `folder`."""
    name = "tiny"
    if kind == "open_clip":
        (folder / "scanbank-text-clip.json").write_text(json.dumps(TINY_CLIP))
        open_clip.add_model_config(folder / "scanbank-text-clip.json")
        name = "open_clip:scanbank-text-clip+random0"
    elif kind == "siglip":
        name = f"siglip:{siglip_folder(folder / 'siglip')}"
    elif kind == "ctclip":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            torch.save(published_state(small(CONFIG)), folder / "ctclip.pt")
        (folder / "ctclip.json").write_text(json.dumps(CONFIG.to_dict()))
        words = dict.fromkeys(word for text in TEXTS for word in text.split())
        (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
        name = f"ctclip:{folder / 'ctclip.pt'},{folder / 'ctclip.json'}"
    encoder = open_encoder(name, device="cpu")
    assert isinstance(encoder, TorchEncoder)
    return encoder
