"""Voxels on this machine: found again, within a size, never needed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from scanbank.store.voxel_cache import VoxelCache, forget_states, forget_voxels, states_folder, voxel_folder

ARRAY = np.arange(2048, dtype=np.float16).reshape(2, 4, 16, 16)


def test_what_was_put_is_found_by_its_owner_alone(tmp_path: Path) -> None:
    cache = VoxelCache(tmp_path / "voxels", "view")
    assert cache.get("a") is None
    cache.put("a", ARRAY)
    found = cache.get("a")
    assert found is not None
    np.testing.assert_array_equal(found, ARRAY)
    (file,) = (tmp_path / "voxels/view").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert VoxelCache(tmp_path / "voxels", "other").get("a") is None


def test_it_can_be_deleted_or_damaged_any_time(tmp_path: Path) -> None:
    cache = VoxelCache(tmp_path, "view")
    cache.put("a", ARRAY)
    (tmp_path / "view/a.npy").write_bytes(b"\x93NUMPY\x01\x00")
    assert cache.get("a") is None
    cache.put("a", ARRAY)
    assert cache.get("a") is not None
    (tmp_path / "view/a.npy").unlink()
    (tmp_path / "view").rmdir()
    assert cache.get("a") is None
    cache.put("a", ARRAY)
    assert cache.get("a") is not None


def test_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    np.save(tmp_path / "view/a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert VoxelCache(tmp_path, "view").get("a") is None


def test_other_files_of_the_name_are_no_voxels(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    with zipfile.ZipFile(tmp_path / "view/a.npy", "w") as archive:  # which numpy.load opens as it does its own archives
        archive.writestr("b", "c")
    (tmp_path / "view/b.npy").write_bytes(b"PK\x03\x04 garbage")
    np.save(tmp_path / "view/c.npy", ARRAY.astype(np.float32))
    (tmp_path / "view/d.npy").write_bytes(b"")
    cache = VoxelCache(tmp_path, "view")
    assert [cache.get(name) for name in "abcd"] == [None] * 4
    cache.put("a", ARRAY)
    assert cache.get("a") is not None


def test_what_a_killed_process_left_half_written_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "other").mkdir()
    dead, alive = (tmp_path / f"other/.a.npy.{process}.npy" for process in (gone.pid, os.getpid()))
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    VoxelCache(tmp_path, "view").put("a", ARRAY)
    assert not dead.exists()
    assert alive.exists()


def test_states_of_a_bank_go_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for bank in ("bank", "another"):
        (states_folder(bank) / "run").mkdir(parents=True)
    forget_states("bank")
    assert not states_folder("bank").exists()
    assert states_folder("another").exists()
    forget_states("none")


def test_what_has_no_room_is_not_kept_and_other_views_give_way(tmp_path: Path) -> None:
    old = VoxelCache(tmp_path, "old", 3 * ARRAY.nbytes)
    old.put("a", ARRAY)
    old.put("b", ARRAY)
    cache = VoxelCache(tmp_path, "new", 3 * ARRAY.nbytes)
    for name in "abcd":
        cache.put(name, ARRAY)
    held = [name for name in "abcd" if cache.get(name) is not None]
    assert 1 <= len(held) <= 3
    assert sum(file.stat().st_size for file in tmp_path.glob("*/*.npy")) <= 3 * ARRAY.nbytes + 1024
    assert old.get("a") is None


def test_forgotten_volumes_go_from_every_view(tmp_path: Path) -> None:
    for view in ("one", "two"):
        cache = VoxelCache(voxel_folder("bank"), view)
        cache.put("aaaa-1", ARRAY)
        cache.put("bbbb-2-c0ffee", ARRAY)
    forget_voxels("bank", ("bbbb",))
    assert sorted(file.name for file in voxel_folder("bank").glob("*/*.npy")) == ["aaaa-1.npy", "aaaa-1.npy"]
