"""Who may ask, what is logged, and that nothing of a request touches a disk."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from pydicom.uid import JPEG2000Lossless

from dicom_files import write_series
from processes import decoding
from scanbank.scripts.service.guard import is_loopback
from scanbank.scripts.service.limits import Limits
from scanbank.scripts.service.server import Server
from scanbank.scripts.service.service import Service
from scanbank.store.errors import UsageError
from service_servers import Gated, client_of, png_of, served_by_command, serving, url_of, zip_of

TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    encoder = Gated()
    encoder.gate.set()
    with serving([encoder], token=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
    ],
)
def test_a_token_is_asked_for(locked: Server, given: str | None, status: int) -> None:
    with client_of(locked, headers={} if given is None else {"Authorization": given}) as client:
        for path in ("/v1/models", "/metrics"):
            response = client.get(path)
            assert response.status_code == status
        assert client.post("/v1/embed/text", json={"texts": ["a"]}).status_code == status
        if status == 401:
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.json()["title"] == "No or wrong token"
            assert client.get("/nothing-here").status_code == 401
        assert client.get("/healthz").status_code == 200


def test_without_a_token_it_listens_to_this_machine_only() -> None:
    service = Service([Gated()])
    for host in ("0.0.0.0", "::", "192.168.0.7", "example.org", ""):
        with pytest.raises(UsageError, match="give a token"):
            Server(service, host, 0)
        Server(Service([Gated()]), host, 0, TOKEN)
    for token in ("short", "with space in the middle of it", "ümlauts-are-no-ascii"):
        with pytest.raises(UsageError, match="16 characters or more"):
            Server(service, "127.0.0.1", 0, token)


def test_what_is_loopback() -> None:
    assert [host for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "0.0.0.0", "10.0.0.1", "::") if is_loopback(host)] == [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "localhost",
    ]


def test_another_name_for_this_machine_is_refused() -> None:
    """A page in a browser could have its own name lead to 127.0.0.1, and read the answers."""
    with serving([Gated()]) as server, client_of(server) as client:
        assert client.get("/healthz", headers={"Host": "evil.example:80"}).status_code == 421
        assert client.get("/healthz", headers={"Host": f"localhost:{server.port}"}).status_code == 200


def test_the_log_has_ids_and_sizes_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    encoder = Gated()
    encoder.gate.set()
    secret = "Jane-Doe"
    with caplog.at_level(logging.DEBUG), serving([encoder]) as server, client_of(server) as client:
        answer = client.post(f"/v1/embed/text?{secret}=1", json={"texts": [secret, "bad"]})
        client.get(f"/{secret}?{secret}", headers={"X-Request-Id": secret})
        client.post("/v1/embed/text", json={secret: secret})
        client.post("/v1/embed/volume", content=secret.encode(), headers={"Content-Type": "application/zip"})
        client.post("/v1/embed/image", files=[("f", (f"{secret}.png", png_of([[0]])))])
    lines = [record.getMessage() for record in caplog.records]
    ours = [record.getMessage() for record in caplog.records if record.name == "scanbank.service"]
    ids = [line.split()[0] for line in ours]
    assert answer.headers["x-request-id"] in ids
    assert [line.split(maxsplit=3)[1:3] for line in ours] == [
        ["/v1/embed/text", "422"],
        ["other", "404"],
        ["/v1/embed/text", "422"],
        ["/v1/embed/volume", "422"],
        ["/v1/embed/image", "422"],
    ]
    # What the client's own library logs is not the service's doing.
    served = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert len(served) >= len(ours)
    assert not [record for record in served if secret in record.getMessage() + str(record.args)]
    assert lines


def test_a_failure_inside_is_told_by_place_alone(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Jane-Doe")

    encoder = Gated()
    with caplog.at_level(logging.DEBUG), serving([encoder]) as server, client_of(server) as client:
        monkeypatch.setattr("scanbank.scripts.service.routes_text.check_texts", fail)
        response = client.post("/v1/embed/text", json={"texts": ["a"]})
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "Jane-Doe" not in response.text
    ours = [record.getMessage() for record in caplog.records if record.name == "scanbank.service"]
    assert "RuntimeError at test_guard.py:" in ours[0]
    assert "Jane-Doe" not in caplog.text


def test_a_slow_client_is_told_or_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanbank.scripts.service.server.HEADER_SECONDS", 0.2)
    with serving([Gated()], Limits(timeout_s=0.3)) as server:
        for start in (b"", b"GET /healthz HT"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as silent:
                silent.sendall(start)
                assert silent.recv(10) == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
            slow.sendall(b"POST /v1/embed/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
            assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


# Every file that Python opens for writing, and every temporary one, is told on stderr; by the process that decodes, too.
_WATCH = """import os, sys
told = os.dup(2)
def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not isinstance(arguments[0], int) and arguments[0] != "/dev/null" and "__pycache__" not in str(arguments[0]):
            os.write(told, f"WRITES {arguments[0]}\\n".encode())
    if event.startswith("tempfile."):
        os.write(told, f"WRITES {event}\\n".encode())
"""
_DECODER = """
if any("decode_worker" in word for word in sys.orig_argv):
    os.write(told, b"DECODER\\n")
    sys.addaudithook(watch)
"""
_WATCHED = f"""{_WATCH}
from scanbank.scripts.cli import main
from scanbank.scripts import cli_serve
import logging, scanbank.embed.registry
told = cli_serve.say_now
def listening(text):
    sys.addaudithook(watch)
    told(text)
cli_serve.say_now = listening
main()
"""


def test_nothing_is_written_to_a_disk(tmp_path: Path) -> None:
    """Large enough bodies that usual form parsers would spill them into temporary files."""
    (packed,) = write_series(tmp_path / "scan", n=1, shape=(40, 48), transfer_syntax=JPEG2000Lossless)
    site, room = tmp_path / "site", tmp_path / "room"
    site.mkdir()
    room.mkdir()
    (site / "sitecustomize.py").write_text(_WATCH + _DECODER)
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(room), "HOME": str(room), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(site)}
    code = ("-c", _WATCHED)
    with served_by_command("--encoder", "intensity", code=code, cwd=room, env=environment) as (process, url):
        with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
            big = bytes(3 << 20)
            assert client.post("/v1/embed/volume", files=[("f", ("a.dcm", big))] * 3).status_code == 422
            assert (
                client.post("/v1/embed/volume", content=zip_of([("a", big)]), headers={"Content-Type": "application/zip"}).status_code
                == 422
            )
            image = png_of([[k % 256 for k in range(2000)] for _ in range(1000)])
            assert client.post("/v1/embed/image", files=[("f", ("a.png", image))] * 2).status_code == 200
            assert client.post("/v1/embed/volume", files=[("f", ("a.dcm", packed.read_bytes()))]).status_code == 200
        (decoder,) = decoding(process.pid)
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "ended: everything that was accepted is answered" in told
    assert "DECODER" in told
    assert "WRITES" not in told
    assert list(room.iterdir()) == []
    assert not Path(f"/proc/{decoder}").exists()
    assert url == "http://127.0.0.1:" + url.rpartition(":")[2]


def test_a_used_port_is_told_in_one_line() -> None:
    with serving([Gated()]) as server:
        done = subprocess.run(
            [sys.executable, "-m", "scanbank.scripts.cli", "serve", "--encoder", "intensity", "--port", url_of(server).rpartition(":")[2]],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "cannot be listened on (Address already in use)" in done.stderr
