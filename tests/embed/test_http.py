"""The encoder `http://...`: it stands for what a server serves, and tells in one line what goes wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from dicom_files import write_series
from scanbank.embed import http_client
from scanbank.embed.encoder import Encoder
from scanbank.embed.encoders.http_models import HttpEncoder
from scanbank.embed.http_client import Connection
from scanbank.embed.pipeline import embed
from scanbank.embed.registry import open_encoder
from scanbank.embed.texts import embed_texts
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.server import Server
from scanbank.store import Bank
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError
from scanbank.store.ingest import ingest
from service_servers import Gated, serving, url_of

URIS = ("tiny", "intensity", "timm:test_resnet+random0")
TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def encoders() -> list[Encoder]:
    return [open_encoder(uri, device="auto" if uri == "intensity" else "cpu") for uri in URIS]


@pytest.fixture(scope="module")
def server(encoders: list[Encoder]) -> Iterator[Server]:
    with serving(encoders, Limits(max_items=5)) as running:
        yield running


@pytest.fixture
def remote(server: Server, encoders: list[Encoder]) -> list[Encoder]:
    return [open_encoder(f"{url_of(server)}?model={encoder.spec.name}") for encoder in encoders]


def test_it_is_the_served_encoder_in_every_way_that_counts(remote: list[Encoder], encoders: list[Encoder]) -> None:
    for here, there in zip(remote, encoders, strict=True):
        assert (here.spec, here.view) == (there.spec, there.view)
        assert here.spec.digest == there.spec.digest
        assert (here.offers, here.channels, here.size) == (there.offers, there.channels, there.size)
        assert (here.note, here.gives_depth) == (there.note, there.gives_depth)


def test_its_vectors_are_those_of_the_encoder(remote: list[Encoder], encoders: list[Encoder]) -> None:
    """More rows than the server takes at once are sent in several requests."""
    rng = np.random.default_rng(0)
    pixels = rng.random((12, 1, 160, 160), np.float32)
    for here, there in zip(remote[1:], encoders[1:], strict=True):
        np.testing.assert_allclose(here.encode_slices(pixels).vector, there.encode_slices(pixels).vector, atol=1e-5)
    texts = [f"a nodule of {k} mm" for k in range(12)] + ["", "x" * 30_000, "Ödem"]
    np.testing.assert_allclose(remote[0].encode_texts(texts).vector, encoders[0].encode_texts(texts).vector, atol=1e-5)
    voxels = rng.uniform(-1, 1, (1, 1, 80, 96, 128)).astype(np.float32)
    here, there = remote[0].encode_volumes(voxels), encoders[0].encode_volumes(voxels)
    np.testing.assert_allclose(here.vector, there.vector, atol=1e-5)
    assert here.depth is not None
    assert there.depth is not None
    np.testing.assert_allclose(here.depth, there.depth, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(here.depth_mask), np.asarray(there.depth_mask))


def test_it_fills_the_same_feature_sets(bank: Bank, tmp_path: Path, remote: list[Encoder], encoders: list[Encoder]) -> None:
    for k in range(3):
        write_series(tmp_path / str(k), n=7, patient_id=f"p{k}", series_uid=f"1.{k}", seed=k)
    ingest(bank, [tmp_path / "0", tmp_path / "1"])
    assert embed(bank, remote[0]).volumes == 2
    names = {one.digest: one.name for one in bank.feature_sets}
    ingest(bank, [tmp_path / "2"])
    bank.refresh()
    report = embed(bank, encoders[0])
    assert (report.volumes, report.skipped) == (1, 2)
    assert {one.digest: one.name for one in bank.feature_sets} == names
    assert set(names.values()) == {f"tiny@1/{encoders[0].view.label}/{kind}" for kind in ("volume", "depth")}
    assert embed_texts(bank, remote[0]).snippets == 0


def test_the_one_model_of_a_server_needs_no_name_and_of_several_one(server: Server) -> None:
    with serving([Gated(name="only")]) as single:
        assert open_encoder(url_of(single)).spec.name == "only"
        assert open_encoder(f"{url_of(single)}/").spec.name == "only"
    with pytest.raises(UsageError, match=r"serves 3 models: add \?model=NAME, NAME one of tiny@1, intensity, timm:test_resnet\+random0"):
        open_encoder(url_of(server))
    assert open_encoder(f"{url_of(server)}?model=tiny").spec.name == "tiny@1"
    with pytest.raises(UnknownNameError, match="did you mean 'tiny@1'"):
        open_encoder(f"{url_of(server)}?model=tinny@1")


@pytest.mark.parametrize(
    ("uri", "options", "message"),
    [
        ("http://", {}, "write http://HOST:PORT"),
        ("http://host:port", {}, "write http://HOST:PORT"),
        ("http://host:1/model", {}, "write http://HOST:PORT"),
        ("http://host:1?name=x", {}, "has a query that is not understood"),
        ("http://me:secret@host:1", {}, "give the token in"),
        ("http://host:1", {"device": "cpu"}, "leave --device out"),
        ("http://host:1", {"random_weights": 1}, "leave --random-weights out"),
    ],
)
def test_what_is_no_address_is_told(uri: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as told:
        open_encoder(uri, **options)
    assert "secret" not in str(told.value)


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Gated()
    encoder.gate.set()
    with serving([encoder], token=TOKEN) as locked:
        for given in ("", "another-token-of-some-length"):
            monkeypatch.setenv("SCANBANK_TOKEN", given)
            with pytest.raises(EncoderError, match=r"wants another token: set \$SCANBANK_TOKEN"):
                open_encoder(url_of(locked))
        monkeypatch.setenv("SCANBANK_TOKEN", f"{TOKEN}\n")
        assert open_encoder(url_of(locked)).encode_texts(["abc"]).vector.tolist() == [[3, 3]]


def test_another_model_behind_the_address_is_noticed() -> None:
    """A server that was started anew in the middle of a run."""
    encoder, other = Gated(), Gated(dim=3)
    encoder.gate.set()
    with serving([encoder]) as first:
        remote = open_encoder(url_of(first))
        remote.encode_texts(["a"])
        with serving([other]) as second:
            server = Connection(url_of(second))
            moved = HttpEncoder(server, first_description(remote), dict.fromkeys(LIMITS, 99))
            with pytest.raises(EncoderError, match="serves another encoder than it did"):
                moved.encode_texts(["a"])
    assert other.batches == []


def first_description(remote: Encoder) -> dict[str, Any]:
    described = {name: getattr(remote, name) for name in ("offers", "channels", "size", "note", "gives_depth")}
    return {**described, "spec": remote.spec.to_dict(), "view": remote.view.to_dict(), "digest": remote.spec.digest}


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes] | None) -> Iterator[tuple[str, list[str]]]:
    """A plain server that gives these answers in turn, the last one for ever; None hangs up. And the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.close_connection = True
            if answer is None:
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def busy(status: int, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/problem+json", **headers}, b'{"detail": "too many"}'


def models(server: Server) -> tuple[int, dict[str, str], bytes]:
    listed = {"models": [one.describe() for one in server_models(server)], "limits": dict.fromkeys(LIMITS, 1000)}
    return 200, {"Content-Type": "application/json"}, json.dumps(listed).encode()


LIMITS = ("max_items", "max_bytes", "max_text", "max_json")


def server_models(server: Server) -> Any:
    from scanbank.scripts.service.models import Served

    return [Served(Gated(), Limits(), lambda *_: None)]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of them waited for."""
    made: list[float] = []
    monkeypatch.setattr(http_client, "_wait", made.append)
    return made


def test_it_tries_again_while_the_server_is_busy_or_breaks_off(server: Server, pauses: list[float]) -> None:
    good = (200, {}, save({"vector": np.array([[5, 5]], np.float32)}))
    with answering(models(server), busy(429, **{"Retry-After": "3"}), busy(503), None, good) as (url, asked):
        assert open_encoder(url).encode_texts(["hello"]).vector.tolist() == [[5, 5]]
    assert asked == ["/v1/models", *["/v1/encode/text?model=gated"] * 4]
    assert pauses == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (busy(429, **{"Retry-After": "9999"}), "is too busy: too many; tried 8 times"),
        (busy(503), "answered 503: too many"),
        (None, r"broke the connection \(RemoteProtocolError\)"),
        (busy(422), "answered 422: too many"),
        ((200, {}, b"no tensors"), "no safetensors file"),
        ((200, {}, save({"vector": np.array(3, np.float32)})), r"answered with an array of shape \(\); expected 1 vectors"),
        ((200, {}, save({"vector": np.zeros((1, 2), np.float64)})), "gave float64"),
        ((200, {}, save({"vector": np.zeros((1, 2), np.float32), "depth": np.zeros(1, np.float32)})), "gave depth without depth_mask"),
        ((302, {"Location": "http://example.org/"}, b""), "answered 302"),
        ((500, {"Content-Type": "text/html"}, b"<h1>secret</h1>"), "answered 500: text/html, which is not how a scanbank service answers"),
    ],
)
def test_it_gives_up_with_one_line(server: Server, pauses: list[float], answer: Any, message: str) -> None:
    with answering(models(server), answer) as (url, _):
        remote = open_encoder(url)
        with pytest.raises(EncoderError, match=message) as told:
            remote.encode_texts(["hello"])
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
    assert max([0.0, *pauses]) <= 10


def changed(listed: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> tuple[int, dict[str, str], bytes]:
    change(listed)
    return 200, {}, json.dumps(listed).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda listed: listed.pop("models"), "does not list its models"),
        (lambda listed: listed["models"][0].pop("view"), "use one version on both"),
        (lambda listed: listed["limits"].update(max_items="x"), "use one version on both"),
        (lambda listed: listed["limits"].update(max_bytes=float("nan")), "use one version on both"),
        (lambda listed: listed["limits"].update(max_text=0), "use one version on both"),
        (lambda listed: listed.update(limits=None), "use one version on both"),
        (lambda listed: listed["models"][0].update(offers=["thoughts"]), "describes an encoder whose offers are"),
        (lambda listed: listed["models"][0].update(size="x"), "use one version on both"),
        (lambda listed: listed["models"][0]["spec"].update(flavour=1), "use one version on both"),
        (lambda listed: listed["models"][0]["spec"].update(dim=3), "use one version of scanbank on both machines"),
    ],
)
def test_a_server_of_another_version_is_told(server: Server, change: Callable[[dict[str, Any]], None], message: str) -> None:
    with answering(changed(json.loads(models(server)[2]), change)) as (url, _), pytest.raises(EncoderError, match=message):
        open_encoder(url)


@pytest.mark.parametrize("suffix", ["+bf16", "?model=gated+fp16"])
def test_the_server_decides_the_precision(server: Server, suffix: str) -> None:
    with answering(models(server)) as (url, _):
        with pytest.raises(UsageError, match=r"the precision that its server was started with; leave \+bf16, \+fp16 and --precision out"):
            open_encoder(f"{url}{suffix}")
        with pytest.raises(UsageError, match="the precision that its server was started with"):
            open_encoder(url).at_precision("bf16")


def test_nobody_there_or_no_service_is_told_at_once(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EncoderError, match=r"cannot be reached \(.*\); does `scanbank serve` run there"):
        open_encoder(f"http://127.0.0.1:{port}")
    with answering((200, {"Content-Type": "text/html"}, b"<h1>hello</h1>")) as (url, _):
        with pytest.raises(EncoderError, match="is no scanbank service: it answers text/html instead of JSON"):
            open_encoder(url)
        with pytest.raises(EncoderError, match="cannot be reached"):
            open_encoder(url.replace("http", "https"))
    assert pauses == []
