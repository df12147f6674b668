"""Parameters that nobody knows are refused, and errors advise what a client of the service can do."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import nibabel as nib
import numpy as np
import pytest

from scanbank.embed.registry import open_encoder
from scanbank.embed.windowing import check_values
from scanbank.scripts.service.problems import told
from scanbank.store.errors import ViewError
from scanbank.store.specs import ViewSpec
from scanbank.store.windows import parse_windows
from service_servers import client_of, png_of, serving

PNG = {"Content-Type": "image/png"}
NIFTI = {"Content-Type": "application/octet-stream"}
PICTURE = png_of(np.arange(256).reshape(16, 16))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with serving([open_encoder("intensity"), open_encoder("tiny", device="cpu")]) as server, client_of(server) as opened:
        yield opened


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/v1/embed/volume?windows=secret", "query: has a parameter that is not known here; expected only accept_hu, depth, model, window"),
        ("/v1/embed/image?secret=1&window=brain", "expected only accept_hu, exported_window, model, window"),
        ("/v1/embed/text?model=secret", "this request takes none"),
        ("/v1/search?secret", "this request takes none"),
        ("/v1/encode/slice?modell=secret", "expected only model"),
        ("/v1/embed/image?window=secret&window=secret", "query.window: is given 2 times; expected once"),
        ("/v1/embed/volume?model=tiny&model=secret&window=brain&window=lung", "query.model: is given 2 times; expected once"),
    ],
)
def test_queries_that_would_be_passed_over_are_refused(client: httpx2.Client, url: str, words: str) -> None:
    refused = client.post(url, content=b"secret")
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert words in refused.json()["detail"]
    assert "secret" not in refused.text


def test_probes_may_add_what_they_like(client: httpx2.Client) -> None:
    assert client.get("/healthz?probe=1").status_code == 200


def test_errors_advise_parameters_and_not_options(client: httpx2.Client) -> None:
    for query, advice in (
        ("window=brain", "ask with ?exported_window=brain if it was saved with that window, or ask with ?window=as-is"),
        ("window=0..70", "ask with ?exported_window=0..70 if it was saved with that window, or ask with ?window=as-is"),
        ("window=lung&exported_window=brain", "ask with ?window=brain or ?window=as-is"),
    ):
        refused = client.post(f"/v1/embed/image?model=intensity&{query}", content=PICTURE, headers=PNG)
        assert refused.status_code == 422
        assert refused.json()["detail"].endswith(advice)
    scan = nib.Nifti1Image(np.random.default_rng(0).integers(-900, 900, (8, 8, 4)).astype(np.int16), np.eye(4)).to_bytes()
    refused = client.post("/v1/embed/volume?model=intensity&window=as-is", content=scan, headers=NIFTI)
    assert refused.json()["detail"].endswith("the scan has HU: give a window such as brain")


def test_a_plus_is_advised_as_a_url_takes_it() -> None:
    view = ViewSpec(parse_windows("brain+bone+40/90"))
    with pytest.raises(ViewError) as error:
        check_values(view, has_hu=False, exported=None)
    assert "ask with ?exported_window=brain%2Bbone%2B-5..85 if it" in str(told(error.value).detail)
