"""What a bank relies on of the place it lies in: one suite for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanbank.store.errors import UsageError
from scanbank.store.places import LocalPlace, Place, place_of


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_of(tmp_path / "bank" if request.param == "folder" else request.getfixturevalue("s3_url"))


def test_what_was_written_is_read(place: Place) -> None:
    place.write("tables/labels/a.parquet", b"one")
    place.write("bank.json", b"")
    place.write("tables/labels/a.parquet", b"other")
    assert place.read("tables/labels/a.parquet") == b"other"
    assert place.read("bank.json") == b""
    assert place.sizes("tables/labels", ["a.parquet"]) == [5]


def test_what_is_not_there_says_so(place: Place) -> None:
    with pytest.raises(FileNotFoundError):
        place.read("nothing")
    place.write("tables/labels/a", b"x")
    with pytest.raises(FileNotFoundError, match="b"):
        place.sizes("tables/labels", ["a", "b"])
    place.delete("nothing")
    assert place.entries("no/such/folder") == []


def test_entries_are_every_file_below(place: Place) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    for name in ("b", "a/x", "a/y/z"):
        place.write(name, name.encode())
    assert [(entry.name, entry.bytes) for entry in place.entries()] == [("a/x", 3), ("a/y/z", 5), ("b", 1)]
    assert [entry.name for entry in place.entries("a/y")] == ["a/y/z"]
    assert all(before < entry.modified < before + timedelta(minutes=5) for entry in place.entries())
    place.delete("a/x")
    assert [entry.name for entry in place.entries("a")] == ["a/y/z"]


def test_arrow_reads_the_same_bytes(place: Place) -> None:
    place.write("tables/x", b"abc")
    path, files = place.arrow("tables/x")
    with files.open_input_file(path) as file:
        assert file.read() == b"abc"


def test_the_lock_of_a_folder_is_given_back(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    for _ in range(2):
        with place.writer("test", 1.0):
            assert (tmp_path / ".lock.holder").exists()
        assert not (tmp_path / ".lock.holder").exists()


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3:///x", "s3://b/x?region=y"])
def test_what_names_no_prefix_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="expected s3://BUCKET/PREFIX"):
        place_of(url)
