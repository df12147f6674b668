"""Voxels on this machine: found again, within a size, never needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanbank.store.voxel_cache import VoxelCache, forget_voxels, voxel_folder

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
