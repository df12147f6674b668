"""What the service gives is what the encoders give here: over HTTP, from files, in every form of the answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import nibabel as nib
import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.depths import depth_rows
from scanbank.embed.encoder import Encoder
from scanbank.embed.registry import open_encoder
from scanbank.embed.views import slice_pixels, volume_voxels
from scanbank.scripts.service.server import Server
from scanbank.store.local_map import Located
from scanbank.store.progress import Silent
from scanbank.store.readers import load_volume
from scanbank.store.readers.scans import Images, find_scans
from scanbank.store.scan import Volume
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import parse_windows
from service_servers import client_of, png_of, serving, zip_of

URIS = ("tiny", "intensity", "timm:test_resnet+random0")


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    return {uri: open_encoder(uri, device="cpu" if uri != "intensity" else "auto") for uri in URIS}


@pytest.fixture(scope="module")
def server(encoders: dict[str, Encoder]) -> Iterator[Server]:
    with serving(list(encoders.values())) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    with client_of(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Volume]:
    """A series of 12 slices, and what the readers make of it."""
    folder = tmp_path_factory.mktemp("scan")
    paths = write_series(folder, n=12, shape=(40, 48), step=5.0, spacing=(6.0, 6.0))
    (header,) = find_scans([folder], Images(), 1, Silent()).scans
    return paths, load_volume(Located(header.kind, header.sources, None))


def close(found: object, expected: object) -> None:
    np.testing.assert_allclose(np.array(found, np.float32), np.array(expected, np.float32), atol=1e-5)


def test_models_tell_all_that_identifies_an_encoder(client: httpx2.Client, encoders: dict[str, Encoder]) -> None:
    listed = client.get("/v1/models").json()
    assert [one["name"] for one in listed["models"]] == ["tiny@1", "intensity", "timm:test_resnet+random0"]
    for told, encoder in zip(listed["models"], encoders.values(), strict=True):
        assert EncoderSpec.from_dict(told["spec"]) == encoder.spec
        assert EncoderSpec.from_dict(told["spec"]).digest == told["digest"] == encoder.spec.digest
        assert ViewSpec.from_dict(told["view"]) == encoder.view
        assert set(told["offers"]) == encoder.offers
    assert listed["limits"]["max_items"] == 256


def test_texts(client: httpx2.Client, encoders: dict[str, Encoder]) -> None:
    texts = ["left pleural effusion", "no acute findings", "Lungenrundherd"]
    answer = client.post("/v1/embed/text", json={"texts": texts}).json()
    assert (answer["model"], answer["dim"]) == ("tiny@1", 128)
    close(answer["vectors"], encoders["tiny"].encode_texts(texts).vector)


def test_raw_float32(client: httpx2.Client, encoders: dict[str, Encoder]) -> None:
    response = client.post("/v1/embed/text", json={"texts": ["a", "b"], "model": "tiny"}, headers={"Accept": "application/octet-stream"})
    assert response.headers["x-scanbank-shape"] == "2,128"
    assert response.headers["x-scanbank-spec"] == encoders["tiny"].spec.digest
    close(np.frombuffer(response.content, "<f4").reshape(2, 128), encoders["tiny"].encode_texts(["a", "b"]).vector)


def test_pictures_are_taken_as_they_are(client: httpx2.Client, encoders: dict[str, Encoder]) -> None:
    greys = [np.random.default_rng(seed).integers(0, 256, (30, 40)).astype(np.uint8) for seed in range(3)]
    parts = [("file", ("x.png", png_of(grey), "image/png")) for grey in greys]
    answer = client.post("/v1/embed/image", params={"model": "intensity"}, files=parts).json()
    close(answer["vectors"], encoders["intensity"].encode_slices(np.stack(greys)[:, None].astype(np.float32) / np.float32(255)).vector)
    assert answer["window"] == "as-is"
    alone = client.post("/v1/embed/image", params={"model": "intensity"}, content=png_of(greys[1]), headers={"Content-Type": "image/png"})
    close(alone.json()["vectors"], answer["vectors"][1:2])


def test_a_picture_saved_with_a_window(client: httpx2.Client) -> None:
    picture = {"content": png_of(np.arange(256, dtype=np.uint8).reshape(16, 16)), "headers": {"Content-Type": "image/png"}}
    url = "/v1/embed/image?model=intensity&exported_window=brain"
    assert client.post(url, **picture).json()["window"] == "brain"
    refused = client.post(f"{url}&window=bone", **picture)
    assert refused.status_code == 422
    assert "was saved with window brain" in refused.json()["detail"]


def test_a_dicom_slice(client: httpx2.Client, encoders: dict[str, Encoder], scan: tuple[list[Path], Volume]) -> None:
    paths, volume = scan
    encoder = encoders["timm:test_resnet+random0"]
    answer = client.post(
        "/v1/embed/image",
        params={"model": encoder.spec.name, "window": "lung"},
        content=paths[3].read_bytes(),
        headers={"Content-Type": "application/dicom"},
    ).json()
    view = replace(encoder.view, windows=parse_windows("lung"))
    pixels = slice_pixels(volume, view, encoder.spec.input_range, np.array([3]))
    close(answer["vectors"], encoder.encode_slices(pixels).vector)
    assert answer["view"] == view.digest


@pytest.mark.parametrize("form", ["zip", "parts"])
def test_a_volume_of_dicom_files_in_any_order(
    client: httpx2.Client, encoders: dict[str, Encoder], scan: tuple[list[Path], Volume], form: str
) -> None:
    paths, volume = scan
    encoder = encoders["tiny"]
    shuffled = [paths[k] for k in np.random.default_rng(0).permutation(len(paths))]
    if form == "zip":
        files = [("series/", b""), ("readme.txt", b"not a scan"), *((f"series/{path.name}", path.read_bytes()) for path in shuffled)]
        response = client.post("/v1/embed/volume", content=zip_of(files), headers={"Content-Type": "application/zip"})
    else:
        response = client.post("/v1/embed/volume", files=[("file", ("x.dcm", path.read_bytes())) for path in shuffled])
    answer = response.json()
    assert answer["slices"] == 12
    (result,) = answer["results"]
    voxels, z_mm = volume_voxels(volume, encoder.view, encoder.spec.input_range)
    encoded = encoder.encode_volumes(voxels[None])
    close(result["vector"], encoded.vector[0])
    rows = depth_rows(encoded, z_mm)
    assert rows.mask is not None
    assert rows.z_mm is not None
    close(result["steps"]["vectors"], rows.vector[0][rows.mask[0]])
    known = np.array([np.nan if z is None else z for z in result["steps"]["z_mm"]], np.float32)
    np.testing.assert_array_equal(known, rows.z_mm[0][rows.mask[0]])
    assert 97.5 <= np.nanmin(known) <= np.nanmax(known) <= 157.5  # slices of 5 mm lie from 100 to 155 mm


@pytest.mark.parametrize("packed", [False, True])
def test_a_nifti_volume_in_two_windows(client: httpx2.Client, encoders: dict[str, Encoder], packed: bool) -> None:
    hu = np.random.default_rng(1).integers(-1000, 1000, (20, 24, 10)).astype(np.int16)
    data = nib.Nifti1Image(hu, np.diag([-3.0, -3.0, 5.0, 1.0])).to_bytes()
    body = gzip.compress(data) if packed else data
    kind = "application/gzip" if packed else "application/octet-stream"
    url = "/v1/embed/volume?model=intensity&window=brain&window=lung"
    answer = client.post(url, content=body, headers={"Content-Type": kind}).json()
    assert [result["window"] for result in answer["results"]] == ["brain", "lung"]
    encoder = encoders["intensity"]
    planes = np.ascontiguousarray(hu.transpose(2, 1, 0)).astype(np.float32)  # -x, -y of RAS are x, y of LPS
    for result, (lo, hi) in zip(answer["results"], [(0, 80), (-1350, 150)], strict=True):
        every = encoder.encode_slices(np.clip((planes - lo) / (hi - lo), 0, 1)[:, None].astype(np.float32)).vector
        close(result["steps"]["vectors"], every)
        close(result["vector"], every.mean(axis=0))
        assert result["kind"] == "slice"
        assert result["steps"]["z_mm"] == [5.0 * k for k in range(10)]
    short = client.post(f"{url}&depth=false", content=body, headers={"Content-Type": kind}).json()
    assert [result["steps"] for result in short["results"]] == [None, None]
    raw = client.post(url, content=body, headers={"Content-Type": kind, "Accept": "application/octet-stream"})
    close(np.frombuffer(raw.content, "<f4").reshape(2, -1), [result["vector"] for result in answer["results"]])


def test_what_a_model_does_not_take_is_told(client: httpx2.Client) -> None:
    for body, status, words in (
        ({"texts": ["a"], "model": "intensity"}, 422, "model intensity has no text side; it takes: slice"),
        ({"texts": ["a"], "model": "other"}, 404, "there are: tiny@1, intensity, timm:test_resnet+random0"),
        ({"texts": []}, 422, "texts: has no entry"),
        ({"texts": ["a"] * 257}, 413, "expected at most 256"),
        ({"texts": ["x" * 20_001]}, 413, "texts.0: has 20001 characters; expected at most 20000"),
        ({"texts": [1]}, 422, "texts.0: expected a text"),
    ):
        response = client.post("/v1/embed/text", json=body)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
        assert words in response.json()["detail"]
        assert response.json()["status"] == status
    assert "HU" in client.post("/v1/embed/image?window=brain&model=intensity", content=png_of(np.eye(9) > 0), headers=PNG).json()["detail"]
    assert client.post("/v1/embed/volume?window=brainz", content=b"x", headers=BYTES).json()["detail"].startswith("window: expected one of")


PNG = {"Content-Type": "image/png"}
BYTES = {"Content-Type": "application/octet-stream"}


def test_the_page_links_the_description_and_loads_nothing(client: httpx2.Client) -> None:
    page = client.get("/").text
    assert "/openapi.json" in page
    assert "/v1/embed/volume" in page
    assert "<script" not in page
    assert "http" not in page
    assert client.get("/healthz").json() == {"status": "ok"}


def test_other_sites_may_not_ask(client: httpx2.Client) -> None:
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    response = client.options("/v1/embed/text", headers=preflight)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]
