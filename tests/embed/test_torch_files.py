from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scanbank.embed.torch_files import read_vector
from scanbank.store.errors import ExchangeError

X = torch.arange(4, dtype=torch.float32)


@pytest.mark.parametrize("value", [X, [X], {"embedding": X, "label": 3}, {"some": X}, X.requires_grad_()])
def test_one_vector_is_read(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "a.pt")
    np.testing.assert_array_equal(read_vector(tmp_path / "a.pt"), [0, 1, 2, 3])


def test_types_are_kept_and_bfloat16_is_widened(tmp_path: Path) -> None:
    torch.save(torch.tensor([1.5, -2.0], dtype=torch.float16), tmp_path / "h.pt")
    torch.save(torch.tensor([1.5, 3.140625], dtype=torch.bfloat16), tmp_path / "b.pt")
    assert read_vector(tmp_path / "h.pt").dtype == np.float16
    held = read_vector(tmp_path / "b.pt")
    assert held.dtype == np.float32
    np.testing.assert_array_equal(held, [1.5, 3.140625])


def test_the_format_of_old_is_read_too(tmp_path: Path) -> None:
    torch.save(X.detach(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(read_vector(tmp_path / "old.pt"), [0, 1, 2, 3])


class Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("new", [True, False])
def test_code_is_not_run(tmp_path: Path, new: bool) -> None:
    torch.save({"vector": X, "more": Runs(tmp_path / "ran")}, tmp_path / "evil.pt", _use_new_zipfile_serialization=new)
    with pytest.raises(ExchangeError, match="holds more than tensors, such as code"):
        read_vector(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ([X, X], "holds 2 vectors; expected one an item"),
        ({"a": X, "b": X}, "holds 2 vectors"),
        ({}, "holds 0 vectors"),
        ("text", "no plain tensor, but str"),
        (X.detach().to_sparse(), "no plain tensor"),
        (torch.complex(X.detach(), X.detach()), "no plain tensor"),
        (torch.empty(4, device="meta"), "no plain tensor"),
        (torch.zeros(1).expand(1, 2**40), f"a tensor of 1x{2**40}"),
    ],
)
def test_other_things_are_refused(tmp_path: Path, value: Any, pattern: str) -> None:
    torch.save(value, tmp_path / "a.pt")
    with pytest.raises(ExchangeError, match=pattern):
        read_vector(tmp_path / "a.pt")


def test_damage_is_told(tmp_path: Path) -> None:
    torch.save(X, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "text.pt").write_text("no tensor")
    for name in ("cut.pt", "empty.pt", "text.pt", "none.pt"):
        with pytest.raises(ExchangeError, match=name):
            read_vector(tmp_path / name)
