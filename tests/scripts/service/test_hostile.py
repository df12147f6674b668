"""What must not get in: bombs, lies, tricks. All are refused with a problem document that repeats nothing of them, and cost no memory."""

from __future__ import annotations

import gzip
import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import nibabel as nib
import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.registry import open_encoder
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.server import Server
from service_servers import MIB, client_of, metric, npy_of, png_of, serving, zip_of

LIMITS = Limits(max_bytes=8 * MIB, max_files=50, max_ratio=50, free_unpacked=MIB, max_pixels=1 << 22)
NIFTI = {"Content-Type": "application/octet-stream"}
ZIP = {"Content-Type": "application/zip"}
GZIP = {"Content-Type": "application/gzip"}
PNG = {"Content-Type": "image/png"}
NPY = {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving([open_encoder("intensity"), open_encoder("tiny", device="cpu")], LIMITS) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    with client_of(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    (path,) = write_series(tmp_path_factory.mktemp("one"), n=1, patient_id="Doe^Jane")
    return path.read_bytes()


def refused(response: httpx2.Response, status: int, words: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = response.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert words in problem["detail"]
    for secret in ("Doe", "secret", "/proc", "Traceback"):
        assert secret not in response.text


def entry(name: str, data: bytes = b"x", **changes: Any) -> bytes:
    """An archive of one entry with the fields given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        for field, value in changes.items():
            setattr(info, field, value)
        archive.writestr(info, data)
    return out.getvalue()


def encrypted(archive: bytes) -> bytes:
    """With the flag of encryption set in both headers."""
    data = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + offset] |= 1
    return bytes(data)


def lying(archive: bytes, size: int) -> bytes:
    """With another unpacked size in both headers."""
    data = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark) + offset
        data[at : at + 4] = size.to_bytes(4, "little")
    return bytes(data)


def zip64(archive: bytes) -> bytes:
    at = archive.rfind(b"PK\x05\x06")
    return archive[:at] + b"PK\x06\x07" + bytes(16) + archive[at:]


ARCHIVES: list[tuple[str, bytes, int, str]] = [
    ("bomb", zip_of([("a.dcm", bytes(6 * MIB))]), 413, "unpacks to more than 50 times its size"),
    ("many small bombs", zip_of([(f"{k}.dcm", bytes(MIB // 2)) for k in range(40)]), 413, "unpacks to more than"),
    ("bomb that lies of its size", lying(zip_of([("a.dcm", bytes(6 * MIB))]), 1000), 422, "damaged"),
    ("too many", zip_of([(f"{k}.dcm", b"x") for k in range(51)]), 413, "has 51 files; expected at most 50"),
    ("long directory", zip_of([("n" * 60_000 + str(k), b"") for k in range(3)]), 413, "directory"),
    ("nested", zip_of([("inner.zip", zip_of([("a", b"x")]))]), 422, "holds another archive"),
    ("nested gzip", zip_of([("scan.nii.gz", gzip.compress(b"x"))]), 422, "holds another archive"),
    ("leads out", zip_of([("../secret.dcm", b"x")]), 422, "leads out"),
    ("leads out by backslashes", zip_of([("..\\secret.dcm", b"x")]), 422, "leads out"),
    ("absolute", zip_of([("/etc/secret", b"x")]), 422, "leads out"),
    ("drive", zip_of([("C:\\secret", b"x")]), 422, "leads out"),
    ("link", entry("secret", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16), 422, "link or a device"),
    ("device", entry("secret", b"", external_attr=(stat.S_IFCHR | 0o666) << 16), 422, "link or a device"),
    ("encrypted", encrypted(zip_of([("a.dcm", b"x" * 40)])), 422, "encrypted"),
    ("lzma", zip_of([("a.dcm", bytes(1000))], zipfile.ZIP_LZMA), 422, "other than deflate"),
    ("bzip2", zip_of([("a.dcm", bytes(1000))], zipfile.ZIP_BZIP2), 422, "other than deflate"),
    ("zip64", zip64(zip_of([("a.dcm", b"x")])), 422, "zip64"),
    ("cut off", zip_of([("a.dcm", b"x" * 1000)])[:-30], 422, "damaged"),
    ("wrong checksum", zip_of([("a.dcm", b"x" * 1000)], zipfile.ZIP_STORED).replace(b"xxxx", b"xxyx", 1), 422, "damaged"),
    ("no scan", zip_of([("a.txt", b"secret")]), 422, "no scan in it"),
    ("NIfTI beside others", zip_of([("a.nii", bytes(344) + b"n+1\0"), ("b.txt", b"secret")]), 422, "a NIfTI file among 2"),
    ("empty", zip_of([]), 422, ""),
    ("folders only", zip_of([("a/", b"")]), 422, ""),
]


@pytest.mark.parametrize(("body", "status", "words"), [case[1:] for case in ARCHIVES], ids=[case[0] for case in ARCHIVES])
def test_archives(client: httpx2.Client, body: bytes, status: int, words: str) -> None:
    refused(client.post("/v1/embed/volume", content=body, headers=ZIP), status, words)


def nifti(shape: tuple[int, ...] = (8, 8, 4), **fields: Any) -> bytes:
    image = nib.Nifti1Image(np.random.default_rng(0).integers(-9, 9, shape).astype(np.int16), np.eye(4))
    data = bytearray(image.to_bytes())
    header = np.frombuffer(data, nib.Nifti1Header.template_dtype, 1)
    for name, value in fields.items():
        header[name][0] = value
    return bytes(data)


def with_nan() -> bytes:
    values = np.random.default_rng(0).normal(size=(8, 8, 4)).astype(np.float32)
    values[1, 2, 3] = np.nan
    return nib.Nifti1Image(values, np.eye(4)).to_bytes()


SCANS: list[tuple[str, bytes, int, str]] = [
    ("gzip bomb", gzip.compress(nifti() + bytes(12 * MIB)), 413, "unpacks to more than"),
    ("gzip bomb in members", gzip.compress(bytes(MIB)) * 20, 413, "unpacks to more than"),
    ("gzip in gzip", gzip.compress(gzip.compress(nifti())), 422, "another archive"),
    ("cut gzip", gzip.compress(nifti())[:-9], 422, "damaged or cut off"),
    ("gzip of nothing", gzip.compress(b""), 422, "no NIfTI"),
    ("absurd dimensions", nifti(dim=[3, 30000, 30000, 5000, 1, 1, 1, 1]), 422, "not that of a scan"),
    ("absurd dimensions, packed", gzip.compress(nifti(dim=[3, 30000, 30000, 5000, 1, 1, 1, 1])), 422, "not that of a scan"),
    ("more voxels than bytes", nifti(dim=[3, 1000, 1000, 500, 1, 1, 1, 1]), 422, "the file holds"),
    ("four dimensions", nifti(dim=[4, 8, 8, 2, 2, 1, 1, 1]), 422, "expected one 3-D volume"),
    ("offset far away", nifti(vox_offset=1e30), 422, "places the voxels"),
    ("NaN", with_nan(), 422, "not finite"),
    ("nothing in it", nib.Nifti1Image(np.zeros((8, 8, 4), np.int16), np.eye(4)).to_bytes(), 422, "same value"),
    ("too large", bytes(8 * MIB + 1), 413, f"expected at most {8 * MIB}"),
    ("no scan", b"secret" * 100, 422, "no scan in it"),
    ("empty", b"", 422, "no scan in it"),
]


@pytest.mark.parametrize(("body", "status", "words"), [case[1:] for case in SCANS], ids=[case[0] for case in SCANS])
def test_scans(client: httpx2.Client, body: bytes, status: int, words: str) -> None:
    refused(client.post("/v1/embed/volume", content=body, headers=NIFTI), status, words)


def test_dicom_that_claims_a_huge_matrix(client: httpx2.Client, dicom: bytes) -> None:
    rows, columns = dicom.find(b"\x28\x00\x10\x00US"), dicom.find(b"\x28\x00\x11\x00US")
    data = bytearray(dicom)
    data[rows + 8 : rows + 10] = data[columns + 8 : columns + 10] = (40_000).to_bytes(2, "little")
    for url, headers in (("/v1/embed/volume", NIFTI), ("/v1/embed/image", {"Content-Type": "application/dicom"})):
        response = client.post(url, content=bytes(data), headers=headers)
        assert response.status_code in (413, 422)
        assert "Doe" not in response.text


def test_dicom_cut_short_or_of_two_series(client: httpx2.Client, tmp_path: Path, dicom: bytes) -> None:
    refused(client.post("/v1/embed/volume", content=dicom[:-9], headers=NIFTI), 422, "truncated")
    files = [path.read_bytes() for k in range(2) for path in write_series(tmp_path / str(k), n=4, series_uid=f"1.2.{k}", seed=k)]
    refused(client.post("/v1/embed/volume", files=[("file", ("Doe.dcm", data)) for data in files]), 422, "make 2 scans")
    refused(client.post("/v1/embed/volume", files=[("f", ("a", nifti())), ("f", ("b", nifti()))]), 422, "2 files were sent")


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims this size; its pixels are zeros that unpack to as much."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(width * height, 4 * MIB)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (bomb(60_000, 60_000), 422, "image cannot be read"),
        (bomb(12_000, 9_000), 422, "image cannot be read"),
        (bomb(3_000, 3_000), 413, "more than 4194304 pixels"),
        (bomb(500, 500)[:80], 422, "image cannot be read"),
        (b"GIF89a secret", 422, "no scan in it"),
        (nifti(), 422, "/v1/embed/volume"),
    ],
    ids=["60000", "12000", "3000", "cut", "gif", "nifti"],
)
def test_pictures(client: httpx2.Client, body: bytes, status: int, words: str) -> None:
    refused(client.post("/v1/embed/image", content=body, headers=PNG), status, words)


def test_pictures_of_two_sizes_and_too_many(client: httpx2.Client) -> None:
    pictures = [("f", ("Doe", png_of(np.eye(size) > 0))) for size in (8, 9)]
    refused(client.post("/v1/embed/image", files=pictures), 422, "not all of one size")
    refused(client.post("/v1/embed/image", files=pictures * 200), 413, "more than 256 parts")
    refused(client.post("/v1/embed/volume", files=pictures * 26), 413, "more than 50 parts")


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../Doe"\r\n\r\nsecret\r\n'


FORMS: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("cut", PART, FORM, 400, "ends before"),
    ("no scan", PART + b"--x--\r\n", FORM, 422, "no scan in it"),
    ("no parts", b"secret", FORM, 400, "malformed"),
    ("many headers", b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\n", FORM, 400, "malformed"),
    ("long header", b"--x\r\nA: " + b"b" * 100_000, FORM, 400, "malformed"),
    ("empty", b"--x--\r\n", FORM, 422, "no file was sent"),
    ("no boundary", PART, {"Content-Type": "multipart/form-data"}, 400, "no boundary"),
    ("long boundary", PART, {"Content-Type": f"multipart/form-data; boundary={'x' * 400}"}, 400, "malformed"),
    ("page", PART, {"Content-Type": "text/html"}, 415, "expected a body of type"),
    ("no type", PART, {}, 415, "expected a body of type"),
    ("packed", gzip.compress(PART), {**FORM, "Content-Encoding": "gzip"}, 415, "Content-Encoding"),
]


@pytest.mark.parametrize(("body", "headers", "status", "words"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_forms(client: httpx2.Client, body: bytes, headers: dict[str, str], status: int, words: str) -> None:
    refused(client.post("/v1/embed/volume", content=body, headers=headers), status, words)


def header_of(shape: str, dtype: str = "<f4") -> bytes:
    return plain_header(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n")


def plain_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


ROWS = np.zeros((1, 1, 4, 5), np.float32)
TENSORS: list[tuple[str, bytes, int, str]] = [
    ("objects", header_of("(1, 1, 4, 5)", "|O") + bytes(80), 422, "'<f4'"),
    ("pickled", header_of("(1, 1, 1, 1)", "|O") + b"cos\nsystem\n(S'secret'\ntR.", 422, "'<f4'"),
    ("float64", npy_of(ROWS.astype(np.float64)), 422, "'<f4'"),
    ("big endian", npy_of(ROWS.astype(">f4")), 422, "'<f4'"),
    ("fortran", npy_of(np.asfortranarray(np.zeros((2, 1, 4, 5), np.float32))), 422, "C order"),
    ("version 2", npy_of(ROWS, (2, 0)), 422, "version 1.0"),
    ("axes", npy_of(ROWS[0]), 422, "4 axes"),
    ("empty axis", npy_of(ROWS[:0]), 422, "none of them empty"),
    (
        "lie",
        header_of("(60000, 60000, 5000, 1)") + bytes(80),
        422,
        "the shape needs",
    ),
    ("negative", header_of("(-1, 1, 4, 5)") + bytes(80), 422, "none of them empty"),
    ("true", header_of("(True, 1, 4, 5)") + bytes(80), 422, "none of them empty"),
    ("code", plain_header("__import__('os').system('secret')\n"), 422, "malformed"),
    ("deep", plain_header("(" * 900 + ")" * 90), 422, "malformed"),
    ("long header", plain_header(" " * 5000), 422, "too long"),
    ("cut", npy_of(ROWS)[:-1], 422, "the shape needs 80 bytes"),
    ("NaN", npy_of(np.full_like(ROWS, np.nan)), 422, "not finite"),
    ("infinite", npy_of(np.full_like(ROWS, -np.inf)), 422, "not finite"),
    ("channels", npy_of(np.zeros((1, 7, 4, 5), np.float32)), 422, "takes 1 channels"),
    ("rows", npy_of(np.zeros((300, 1, 1, 1), np.float32)), 413, "has 300 rows"),
]


@pytest.mark.parametrize(("body", "status", "words"), [case[1:] for case in TENSORS], ids=[case[0] for case in TENSORS])
def test_tensors(client: httpx2.Client, body: bytes, status: int, words: str) -> None:
    refused(client.post("/v1/encode/slice", content=body, headers=NPY), status, words)


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts": [NaN]}',
        b'{"texts": ["secret"], "secret": 1}',
        b'{"texts": ["\\ud800"]}',
        b"[" * 200_000,
        b'{"texts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe",
        b"",
        b"null",
        b'{"texts": ["a"], "model": 9' + b"9" * 6000 + b"}",
    ],
)
def test_json(client: httpx2.Client, body: bytes) -> None:
    refused(client.post("/v1/embed/text", content=body, headers={"Content-Type": "application/json"}), 422, "")


def test_a_body_without_length_is_cut_at_the_limit(client: httpx2.Client) -> None:
    pieces = (bytes(MIB) for _ in range(9))
    refused(client.post("/v1/embed/volume", content=pieces, headers=NIFTI), 413, "more than")


def test_none_of_it_is_held(client: httpx2.Client) -> None:
    """The last of this file: what all these requests held was given back."""
    assert metric(client, "scanbank_held_bytes") == {"scanbank_held_bytes": 0.0}
    assert client.post("/v1/embed/text", json={"texts": ["a"]}).status_code == 200
    assert json.loads(client.get("/healthz").text) == {"status": "ok"}
