"""What a bank names is opened without running code or telling a path, unless the user says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from encoder_zoo import docs_example, plugin
from scanbank.embed.named import bank_name, is_named, open_named
from scanbank.store.errors import EncoderError
from siglip_folders import siglip_folder


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules on the Python path that leave a mark when they are imported; the mark."""
    mark = tmp_path / "sprung"
    spring = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n"
    (tmp_path / "trap_of_bank.py").write_text(spring + docs_example())
    plugin(tmp_path, "zootrap=open_encoder", module="trap_of_plugin", package="zoo-trap")
    (tmp_path / "trap_of_plugin.py").write_text(spring + (tmp_path / "trap_of_plugin.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("trap_of_bank", "trap_of_plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return mark


@pytest.mark.parametrize("name", ["module:trap_of_bank:open_encoder", "module:trap_of_bank:open_encoder+random1", "zootrap:x"])
def test_code_runs_only_by_the_users_word(name: str, trap: Path) -> None:
    for typed in ("", "intensity", "module:other:open_encoder"):
        with pytest.raises(EncoderError, match=r"named inside the bank and was not opened.*--encoder .*--trust-code"):
            open_named(name, device="cpu", typed=typed)
    assert not trap.exists()
    assert open_named(name, device="cpu", typed=name).spec.name == name
    assert trap.exists()
    assert open_named(name, device="cpu", trust_code=True).spec.name == name


def test_kinds_and_models_that_are_not_here_are_no_mistake_of_the_user() -> None:
    with pytest.raises(EncoderError, match="of no kind that is installed here"):
        open_named("theirs:x")
    with pytest.raises(EncoderError, match="timm model 'resnet19' is unknown"):
        open_named("timm:resnet19")


def test_what_runs_on_the_cpu_alone_is_no_reason_to_refuse_a_device() -> None:
    assert open_named("intensity", device="cuda:99").spec.name == "intensity"


def test_a_folder_is_opened_again_by_its_path(tmp_path: Path) -> None:
    folder = siglip_folder(tmp_path / "mine")
    with pytest.raises(EncoderError, match="there is no folder mine"):
        open_named("siglip:mine", device="cpu")
    assert open_named("siglip:mine", device="cpu", typed=f"siglip:{folder}").spec.name == "siglip:mine"


def test_names(tmp_path: Path) -> None:
    (tmp_path / "my.model").mkdir()
    expected = {
        "tiny": "tiny",
        "timm:vit_base_patch16_224.augreg_in21k+bf16": "timm:vit_base_patch16_224.augreg_in21k+bf16",
        "siglip:google/medsiglip-448": "siglip:google/medsiglip-448",
        f"siglip:{tmp_path}/my.model/": "siglip:my.model",
        f"siglip:{tmp_path}/my.model+random3+fp16": "siglip:my.model+random3+fp16",
        "siglip:/gone/away": "siglip:away",
        "monai:resnet18@/models/fold0.best.pt": "monai:resnet18@fold0.best",
        "monai:resnet18@fold0.pt+random0": "monai:resnet18@fold0+random0",
        "monai:resnet18": "monai:resnet18",
        "monai:resnet18+random0": "monai:resnet18+random0",
        "what is this": "what is this",
    }
    assert {uri: bank_name(uri) for uri in expected} == expected


@pytest.mark.parametrize(
    ("asked", "name", "same"),
    [
        ("tiny", "tiny@1", True),
        ("tiny@2", "tiny@1", False),
        ("monai:resnet18@a/b.pt", "monai:resnet18@b", True),
        ("monai:resnet18@b", "monai:resnet18@b", True),
        ("monai:resnet18", "monai:resnet18@b", True),
        ("timm:a", "timm:b", False),
    ],
)
def test_what_a_user_asks_for(asked: str, name: str, same: bool) -> None:
    assert is_named(asked, name) == same
