"""What a run goes on from: whole or refused, and gone when it is not needed any more."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mounts import small_disk
from scanbank.embed.adapt.errors import AdaptError
from scanbank.embed.adapt.state import State, drop_state, load_state, save_state
from scanbank.store.errors import UsageError

TENSORS = {"weights.a": torch.arange(1000.0), "best.b": torch.tensor(3.0), "mean.c": torch.ones(2, 3, dtype=torch.bfloat16)}


def saved(folder: Path) -> Path:
    save_state(folder, "mine", State(7, TENSORS, {"best": 2, "losses": [0.25]}))
    return folder / "state.safetensors"


def test_what_was_saved_is_found(tmp_path: Path) -> None:
    assert load_state(tmp_path, "mine") is None
    path = saved(tmp_path / "new" / "folder")
    found = load_state(path.parent, "mine")
    assert found is not None
    assert (found.step, found.told) == (7, {"best": 2, "losses": [0.25]})
    assert set(found.tensors) == set(TENSORS)
    assert all(torch.equal(found.tensors[name], value) for name, value in TENSORS.items())
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_changed_byte_anywhere_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        data = bytearray(whole)
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(UsageError, match=r"is damaged|another run"):
            load_state(tmp_path, "mine")
    for length in (0, 1, 8, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"is damaged .*; remove it to begin anew"):
            load_state(tmp_path, "mine")


def test_another_runs_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(UsageError, match="the state of another run"):
        load_state(tmp_path, "other")


def test_a_full_disk_costs_the_new_state_alone(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 200_000):
        path = saved(tmp_path / "disk")
        before = path.read_bytes()
        with pytest.raises(AdaptError, match=r"cannot be saved in .*/disk \(no space left\); make room, or name another folder by --work"):
            save_state(tmp_path / "disk", "mine", State(8, {"weights.a": torch.zeros(100_000)}))
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptError, match="cannot be saved in"):
        saved(tmp_path / "file")
    assert load_state(tmp_path / "file", "mine") is None


def test_it_goes_with_what_kills_left(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / ".state.safetensors.123").write_bytes(b"half")
    (tmp_path / "other").write_bytes(b"")
    drop_state(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["other"]
    drop_state(tmp_path)
    assert not path.exists()
