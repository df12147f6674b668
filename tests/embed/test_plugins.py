"""Encoders of installed packages."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from encoder_zoo import plugin
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError, UnknownNameError

SCHEMES = ("zoo=open_encoder", "zoonone=none", "zoofails=fails", "zoonumber=number", "zoolost=not_there", "timm=open_encoder")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that brings schemes, one of them with the name of a built-in."""
    plugin(tmp_path, *SCHEMES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "scanbank_zoo_plugin", raising=False)
    return tmp_path


def test_a_packages_scheme(installed: Path) -> None:
    encoder = open_encoder("zoo:mean/of:all", device="cpu")
    assert encoder.spec.name == "zoo:mean/of:all"
    assert encoder.encode_slices(np.ones((1, 1, 2, 2), np.float32)).vector.tolist() == [[1, 0]]
    assert open_encoder("zoo:mean+random1").spec.name == "zoo:mean+random1"


def test_built_in_schemes_go_first(installed: Path) -> None:
    with pytest.raises(UnknownNameError, match="timm model 'mean'"):
        open_encoder("timm:mean")


def test_they_are_listed_and_not_imported_for_it(installed: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'zoo'.*zoo:NAME, zoofails:NAME"):
        open_encoder("zooo:x")
    assert "scanbank_zoo_plugin" not in sys.modules


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("zoonone:x", r"entry point scanbank_zoo_plugin:none of package scanbank-zoo gave nothing \(None\); expected a subclass"),
        ("zoofails:x", "raised LookupError: no x$"),
        ("zoonumber:x", r"is a int; expected open_encoder\(name"),
        ("zoolost:x", "importing entry point scanbank_zoo_plugin:not_there of package scanbank-zoo raised AttributeError"),
    ],
)
def test_broken_ones_cost_one_line_when_asked_for(installed: Path, uri: str, message: str) -> None:
    with pytest.raises(EncoderError, match=message) as caught:
        open_encoder(uri)
    assert "\n" not in str(caught.value)
    assert open_encoder("intensity").spec.name == "intensity"


def test_two_packages_with_one_scheme(installed: Path) -> None:
    plugin(installed, "zoo=open_encoder", module="another_zoo", package="another-zoo")
    with pytest.raises(EncoderError, match="packages another-zoo and scanbank-zoo both bring this scheme"):
        open_encoder("zoo:x")
