"""The search of bytes finds what it is meant to find: a test that relies on it could not fail otherwise."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr

from byte_search import Needles, layers, search
from processes import KEY
from scanbank.store import Bank
from scanbank.store.repository import BRANCH, open_repository

SECRET = "ZQ00001KJ"


@pytest.fixture(scope="module")
def needles() -> Needles:
    return Needles([SECRET, "山田太郎様方", "19330417"])


def in_file(folder: Path, needles: Needles, data: bytes) -> list[str]:
    folder.mkdir()
    (folder / "file").write_bytes(data)
    return search(folder, needles)


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (SECRET.encode(), "utf-8"),
        (SECRET.lower().encode(), "utf-8"),
        (SECRET.encode("utf-16"), "utf-16-le"),
        ("山田太郎様方".encode("shift_jis"), "shift_jis"),
        (b"\\u5c71\\u7530\\u592a\\u90ce\\u69d8\\u65b9", "JSON"),
        (hashlib.md5(SECRET.encode()).digest(), "md5"),
        (hashlib.sha256(SECRET.encode()).hexdigest().upper().encode(), "sha256"),
        (hashlib.blake2b(SECRET.encode(), digest_size=16, person=b"patient").digest(), None),  # not length-prefixed, so not ours
        (b"\0on 19330417.", "utf-8"),
        ((19330417).to_bytes(8, "little"), "int64"),
        (b"a19330417b", None),  # amid a digest by chance
        (SECRET[:-1].encode(), None),
    ],
)
@pytest.mark.parametrize("pack", [bytes, lambda d: b"x" + zlib.compress(d * 5) + b"tail", lambda d: gzip.compress(zlib.compress(d))])
def test_shapes(tmp_path: Path, needles: Needles, data: bytes, shape: str | None, pack) -> None:
    found = in_file(tmp_path / "f", needles, b"..\n" + pack(b"\0\1\2" + data + b"\xff"))
    assert bool(found) == (shape is not None)
    assert all(line.endswith(f"as {shape}") for line in found if shape not in ("utf-16-le", "shift_jis", "utf-8"))
    assert not shape or any(line.endswith(f"as {shape}") for line in found)


def test_names_of_files_count(tmp_path: Path, needles: Needles) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"x{SECRET}.txt").write_text("")
    assert search(tmp_path, needles) == [f"a/x{SECRET}.txt > name: {SECRET} as utf-8"]


def test_an_empty_bank_holds_nothing(bank: Bank, needles: Needles) -> None:
    assert search(bank.path, needles) == []


def test_what_is_planted_in_a_table_is_found_in_its_compressed_page(bank: Bank, needles: Needles) -> None:
    with bank.commit("labels") as commit:
        commit.append("labels", ({"item": f"{i}", "finding": f"{SECRET * 20} {i % 7}", "source": "s"} for i in range(500)))
    found = search(bank.path, needles)
    assert any("> column finding:" in line for line in found)
    assert any("> zstd at" in line for line in found)
    (file,) = (bank.path / "tables" / "labels").iterdir()
    inside = dict(layers(file))
    assert any(SECRET.encode() in data for name, data in inside.items() if "zstd" in name)


def test_what_is_planted_in_a_commit_message_or_its_metadata_is_found(bank: Bank, needles: Needles) -> None:
    with bank.commit(f"ingest of {SECRET}") as commit:
        commit.append("patients", [{"patient": "p"}])
    assert search(bank.path, needles)
    with bank.commit("ingest", path="19330417") as commit:
        commit.append("patients", [{"patient": "p"}])
    assert any("19330417" in line for line in search(bank.path, needles))


def test_what_is_planted_in_attributes_and_vectors_is_found(bank: Bank, needles: Needles) -> None:
    session = open_repository(bank.place).writable_session(BRANCH)
    zarr.open_group(session.store, mode="r+").attrs["note"] = "山田太郎様方"
    session.commit("attributes")
    assert any("山田太郎様方" in line for line in search(bank.path, needles))
    vectors = np.zeros((3, 4), dtype=np.float32)
    vectors.reshape(-1).view(np.uint8)[4:13] = np.frombuffer(SECRET.encode(), np.uint8)
    with bank.commit("vectors") as commit:
        commit.append_features(KEY, vectors, np.arange(3))
    assert any(SECRET in line and line.startswith("features/chunks/") for line in search(bank.path, needles))


def test_an_unkeyed_digest_is_found(bank: Bank, needles: Needles) -> None:
    with bank.commit("patients") as commit:
        commit.append("patients", [{"patient": hashlib.sha1(SECRET.encode()).hexdigest()}])
    assert any(line.endswith(f"{SECRET} as sha1") for line in search(bank.path, needles))
    with bank.commit("patients") as commit:
        commit.append("patients", [{"patient": bank.key.pseudonym("patient", "somebody else")}])
    assert all("sha1" in line for line in search(bank.path, needles))
