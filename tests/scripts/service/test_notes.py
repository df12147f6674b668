"""What an answer tells beside its vectors: values that are no HU, files that were left out, flags of the scan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import nibabel as nib
import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.registry import open_encoder
from service_servers import client_of, png_of, serving, zip_of

NIFTI = {"Content-Type": "application/octet-stream"}
DICOM = {"Content-Type": "application/dicom"}
ZIP = {"Content-Type": "application/zip"}
RAW = {"Accept": "application/octet-stream"}
NEVER = "it was never rescaled to HU: air peaks at 24, expected -1000; soft tissue peaks at 1064, expected 0..80 (values from "
TWICE = "it was rescaled to HU twice: air peaks at -2024, expected -1000; soft tissue peaks at -984, expected 0..80 (values from "


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with serving([open_encoder("intensity")]) as server, client_of(server) as opened:
        yield opened


def trunk() -> np.ndarray[Any, Any]:
    """(4, 64, 64) stored values: air at 24, and a disc of soft tissue at 1064 with a rim of fat and skin."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, 64)] * 2, indexing="ij")
    r = x**2 + y**2
    plane = np.select([r < 0.5, r < 0.6, r < 0.63], [1064, 924, 500], 24)
    return np.rint(plane + np.random.default_rng(0).triangular(-8, 0, 8, (4, 64, 64))).astype(np.int16)


def nifti(voxels: np.ndarray[Any, Any]) -> bytes:
    return nib.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([-3.0, -3.0, 5.0, 1.0])).to_bytes()


def send(client: httpx2.Client, paths: Sequence[Path], query: str = "", **options: Any) -> httpx2.Response:
    files = [("file", ("Doe.dcm", path.read_bytes())) for path in paths]
    return client.post(f"/v1/embed/volume?{query}", files=files, **options)


@pytest.mark.parametrize(("shift", "told"), [(0, NEVER), (-2048, TWICE)])
def test_volumes_that_are_no_hu_are_refused_until_they_are_accepted(client: httpx2.Client, shift: int, told: str) -> None:
    body = nifti(trunk() + np.int16(shift))
    refused = client.post("/v1/embed/volume", content=body, headers=NIFTI)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json()["detail"].startswith(told)
    assert refused.json()["detail"].endswith("; ?accept_hu=true takes it as it is")
    assert client.post("/v1/embed/volume?accept_hu=false", content=body, headers=NIFTI).status_code == 422
    accepted = client.post("/v1/embed/volume?accept_hu=true", content=body, headers=NIFTI)
    assert (accepted.status_code, accepted.json()["notes"]) == (200, [])


def test_what_is_hu_is_taken_without_a_note(client: httpx2.Client, tmp_path: Path) -> None:
    assert client.post("/v1/embed/volume", content=nifti(trunk() - np.int16(1024)), headers=NIFTI).json()["notes"] == []
    answer = send(client, write_series(tmp_path, voxels=trunk()))
    assert (answer.status_code, answer.json()["notes"]) == (200, [])


def test_dicom_that_was_rescaled_twice_is_refused_as_a_scan_and_as_slices(client: httpx2.Client, tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels=trunk() - 1024)
    assert send(client, paths).json()["detail"].startswith(TWICE)
    slices = [("file", ("x", path.read_bytes())) for path in paths]
    assert client.post("/v1/embed/image", files=slices).json()["detail"].startswith("it was rescaled to HU twice: ")
    assert client.post("/v1/embed/image?accept_hu=true", files=slices).json()["notes"] == []


def test_what_may_be_no_hu_gives_vectors_and_a_note(client: httpx2.Client, tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels=trunk()[:, 24:40, 24:40], intercept=0)
    answer = send(client, paths).json()
    assert len(answer["results"]) == 1
    (note,) = answer["notes"]
    assert note.startswith("it may never have been rescaled to HU: soft tissue peaks at 106")
    raw = send(client, paths, headers=RAW)
    assert json.loads(raw.headers["x-scanbank-notes"]) == [note]
    images = client.post("/v1/embed/image", files=[("file", ("x", path.read_bytes())) for path in paths]).json()
    assert [one.partition(" rescaled")[0] for one in images["notes"]] == [f"image {k}: it may never have been" for k in (1, 2, 3, 4)]
    alone = client.post("/v1/embed/image", content=paths[0].read_bytes(), headers=DICOM).json()
    assert [one[:6] for one in alone["notes"]] == ["it may"]
    assert send(client, paths, "accept_hu=true").json()["notes"] == []


def test_pictures_have_no_hu_to_check(client: httpx2.Client) -> None:
    picture = png_of(np.repeat(np.arange(256), 16).reshape(64, 64))
    for query in ("", "?exported_window=brain"):
        answer = client.post(f"/v1/embed/image{query}", content=picture, headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["notes"]) == (200, [])


def test_files_that_are_left_out_are_told_with_the_reason_and_no_name(client: httpx2.Client, tmp_path: Path) -> None:
    paths = write_series(tmp_path, n=8)
    files = [(path.name, path.read_bytes()) for path in paths]
    for k in (0, 7):
        files[k] = (files[k][0], files[k][1][:-9])
    files.append(("secret.txt", b"secret"))
    answer = client.post("/v1/embed/volume", content=zip_of(files), headers=ZIP)
    assert answer.json()["slices"] == 6
    (note,) = answer.json()["notes"]
    assert note.startswith("3 of 9 files were left out: ")
    assert "truncated" in note
    for name in ("slice0", "secret", "Doe", "/proc"):
        assert name not in answer.text


def test_slices_that_are_missing_in_between_are_told(client: httpx2.Client, tmp_path: Path) -> None:
    paths = write_series(tmp_path, n=8)
    assert send(client, paths).json()["notes"] == []
    answer = send(client, [*paths[:3], *paths[4:]]).json()
    assert (answer["slices"], answer["notes"]) == (7, ["flags of the scan: missing_slices"])
    twice = send(client, [*paths, paths[2]]).json()
    assert twice["slices"] == 8
    assert twice["notes"] == [
        "1 of 9 files was left out: a copy of an image already taken (same SOP instance UID) (1)",
        "flags of the scan: duplicate_slices",
    ]


def test_a_header_of_many_notes_stays_small(client: httpx2.Client, tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, voxels=trunk()[:1, 24:40, 24:40], intercept=0)
    raw = client.post("/v1/embed/image", files=[("file", ("x", path.read_bytes()))] * 40, headers=RAW)
    notes = json.loads(raw.headers["x-scanbank-notes"])
    assert (len(notes), notes[-1]) == (17, "and 24 more")
