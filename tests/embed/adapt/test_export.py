"""Adapted encoders as folders that the libraries of their parents load again, with the same vectors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from adapted_encoders import LORA, UPPER, adapted
from encoder_zoo import TEXTS, TINY_CLIP, prepare
from mounts import small_disk
from scanbank.embed import open_encoder
from scanbank.embed.adapt.artifact import Artifact
from scanbank.embed.adapt.child import child_of
from scanbank.embed.adapt.export import export
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.ctclip import CTCLIP
from scanbank.embed.tiny.model import load
from scanbank.eval.children import keep_child
from scanbank.store import Bank
from scanbank.store.errors import BankAccessError, EncoderError, UsageError

IMAGES = Moving("lora", rank=2)
PIXELS = np.random.default_rng(0).random((2, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("zoo")
    prepare(folder)
    yield folder
    sys.path.remove(str(folder))


def exported(bank: Bank, artifact: Artifact, uri: str, folder: Path) -> Any:
    keep_child(bank, artifact, [])
    return export(bank, artifact.card.name, folder, parent=uri)


def of_child(uri: str, artifact: Artifact) -> Any:
    return child_of(open_encoder(uri, device="cpu"), artifact)


def same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return np.abs(found - expected).max() < 1e-6


def test_tiny_is_a_release(bank: Bank, tmp_path: Path) -> None:
    artifact = adapted("one", moving=LORA, logit_scale=9.0)
    made = exported(bank, artifact, "", tmp_path / "out" / "one")
    assert made.files == ("card.json", "model.safetensors", "tokenizer.json")
    again, expected = open_encoder(made.uri), of_child("tiny@1", artifact)
    assert (again.spec.name, again.spec.logit_scale) == ("tiny:one", pytest.approx(9.0))
    assert same(again.encode_texts(TEXTS).vector, expected.encode_texts(TEXTS).vector)
    model, card = load(made.folder)
    assert card["encoder"] == "adapted:one"
    assert float(model.log_scale.exp().detach()) == pytest.approx(9.0)
    with pytest.raises(EncoderError, match=r"is no release of tiny"):
        open_encoder(f"tiny:{tmp_path}/out")


@pytest.mark.parametrize("alone", [False, True])
def test_a_disk_without_room_is_told_and_nothing_stays(bank: Bank, tmp_path: Path, alone: bool) -> None:
    keep_child(bank, adapted("one"), [])
    with small_disk(tmp_path / "disk", 50_000):
        with pytest.raises(BankAccessError, match=r"writing .*/disk/one failed: no space left"):
            export(bank, "one", tmp_path / "disk" / "one", adapter_alone=alone)
        assert list((tmp_path / "disk").iterdir()) == []


def test_what_cannot_be_a_new_folder_is_told(bank: Bank, tmp_path: Path) -> None:
    keep_child(bank, adapted("one"), [])
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, said in (("file", "exists already"), ("link", "exists already"), ("new/..", "is no name of a new folder")):
        with pytest.raises(UsageError, match=said):
            export(bank, "one", tmp_path / name)
    with pytest.raises(BankAccessError, match=r"writing .*/file/one failed"):
        export(bank, "one", tmp_path / "file" / "one")


def test_siglip_loads_with_transformers_and_here(bank: Bank, zoo: Path, tmp_path: Path) -> None:
    from transformers import SiglipModel

    uri = f"siglip:{zoo}/small-siglip"
    artifact = adapted("one", uri, replace(IMAGES, sides=("image", "text")))
    made = exported(bank, artifact, uri, tmp_path / "one")
    assert {"model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json"} <= set(made.files)
    expected, again = of_child(uri, artifact), open_encoder(made.uri, device="cpu")
    assert same(again.encode_slices(PIXELS).vector, expected.encode_slices(PIXELS).vector)
    assert same(again.encode_texts(TEXTS).vector, expected.encode_texts(TEXTS).vector)
    assert not same(again.encode_slices(PIXELS).vector, open_encoder(uri, device="cpu").encode_slices(PIXELS).vector)
    model: Any = SiglipModel.from_pretrained(made.folder)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in expected.model.state_dict().items())


def test_open_clip_loads_with_open_clip_and_here(bank: Bank, zoo: Path, tmp_path: Path) -> None:
    import open_clip

    del zoo  # which registers the model
    uri = "open_clip:scanbank-test-clip+random0"
    artifact = adapted("one", uri, replace(UPPER, sides=("image", "text")))
    made = exported(bank, artifact, "", tmp_path / "one")
    expected, again = of_child(uri, artifact), open_encoder(made.uri, device="cpu")
    assert again.view == expected.view
    assert (again.spec.mean, again.spec.std) == (expected.spec.mean, expected.spec.std)
    assert same(again.encode_slices(PIXELS).vector, expected.encode_slices(PIXELS).vector)
    assert same(again.encode_texts(TEXTS).vector, expected.encode_texts(TEXTS).vector)
    model: Any = open_clip.create_model(f"local-dir:{made.folder}")
    assert model.visual.image_size in (32, (32, 32))
    assert json.loads((made.folder / "open_clip_config.json").read_text())["model_cfg"]["embed_dim"] == TINY_CLIP["embed_dim"]


def test_ctclip_has_the_published_names_and_its_configuration(bank: Bank, zoo: Path, tmp_path: Path) -> None:
    uri = f"ctclip:{zoo}/small-ctclip.pt,{zoo}/small-ctclip.json"
    artifact = adapted("one", uri, Moving("lora", sides=("image", "text"), layers="lower:0.5", rank=2))
    made = exported(bank, artifact, uri, tmp_path / "one")
    assert {"model.safetensors", "config.json"} <= set(made.files)
    expected, again = of_child(uri, artifact), open_encoder(made.uri, device="cpu")
    voxels = np.random.default_rng(0).uniform(-1, 1, (1, 1, 9, 24, 24)).astype(np.float32)
    assert same(again.encode_volumes(voxels).vector, expected.encode_volumes(voxels).vector)
    assert same(again.encode_texts(TEXTS).vector, expected.encode_texts(TEXTS).vector)
    assert {"visual_transformer.to_patch_emb.2.weight", "temperature", "to_text_latent.weight"} <= set(
        load_file(made.folder / "model.safetensors")
    )
    assert CTCLIP.from_checkpoint(made.folder / "model.safetensors").config.heads == expected.model.config.heads


def test_timm_loads_with_timm(bank: Bank, tmp_path: Path) -> None:
    import timm

    uri = "timm:test_vit+random0"
    artifact = adapted("one", uri, IMAGES)
    made = exported(bank, artifact, "", tmp_path / "one")
    assert made.files == ("config.json", "model.safetensors")
    assert made.uri == ""
    expected = of_child(uri, artifact)
    model = timm.create_model(f"local-dir:{made.folder}", pretrained=True).eval()
    pixels = torch.rand(1, 3, *expected.view.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(pixels), expected.model(pixels), atol=1e-6)


def test_monai_opens_here(bank: Bank, zoo: Path, tmp_path: Path) -> None:
    uri = f"monai:unet@{zoo}/small-unet.pt"
    artifact = adapted("one", uri, Moving("full"), scale=0.01)
    made = exported(bank, artifact, uri, tmp_path / "one")
    voxels = np.random.default_rng(0).random((1, 1, 16, 16, 16)).astype(np.float32)
    expected = of_child(uri, artifact).encode_volumes(voxels).vector
    assert same(open_encoder(made.uri, device="cpu").encode_volumes(voxels).vector, expected)


def test_what_no_layout_holds_is_refused_with_what_fits(bank: Bank, tmp_path: Path) -> None:
    artifact = adapted("one", moving=Moving("adapters", sides=("text",), bottleneck=2))
    with pytest.raises(UsageError, match=r"has adapters in it .* lora, partial and full can be written, and --adapter writes"):
        exported(bank, artifact, "", tmp_path / "one")
    assert not (tmp_path / "one").exists()
    made = export(bank, "adapted:one", tmp_path / "one", adapter_alone=True)
    assert made.files == ("adapter.safetensors", "card.json")
    assert open_encoder(made.uri).spec == artifact.spec
    with pytest.raises(UsageError, match="exists already; choose another folder"):
        export(bank, "one", tmp_path / "one")
    with pytest.raises(UsageError, match="adapted encoder 'two' is unknown"):
        export(bank, "two", tmp_path / "two")
    keep_child(bank, adapted("vision", "torchvision:shufflenet_v2_x0_5+random0", Moving("full"), scale=1e-4), [])
    with pytest.raises(UsageError, match=r"torchvision:shufflenet_v2_x0_5\+random0, a kind that has no layout of files of its own"):
        export(bank, "vision", tmp_path / "vision")
