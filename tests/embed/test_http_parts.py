"""What answers and failures of HTTP services are called."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from scanbank.embed.http_parts import kind_of, private_client, reason_of, retry_after


def answer(**headers: str) -> httpx2.Response:
    return httpx2.Response(429, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("9" * 400, 60.0), ("", 2.5), ("soon", 2.5), ("-3", 2.5), ("1.5", 2.5), ("Mon, 99 Foo", 2.5)],
)
def test_seconds_to_wait(given: str, seconds: float) -> None:
    assert retry_after(answer(Retry_After=given), 2.5, 60.0) == seconds


def test_a_date_to_wait_for() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(answer(Retry_After=soon), 2.5, 60.0) <= 30
    assert retry_after(answer(Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), 2.5, 60.0) == 0.0
    assert retry_after(answer(Retry_After="Wed, 21 Oct 2999 07:28:00 -0000"), 2.5, 60.0) == 60.0
    assert retry_after(answer(), 2.5, 60.0) == 2.5


def test_media_types() -> None:
    assert kind_of(answer(Content_Type="text/html; charset=utf-8")) == "text/html"
    assert kind_of(answer()) == "nothing of a known type"
    assert len(kind_of(answer(Content_Type="x" * 500))) == 60


def test_why_there_is_no_connection() -> None:
    def raised(cause: Exception) -> Exception:
        try:
            try:
                raise cause
            except Exception as error:
                raise httpx2.ConnectError("words") from error
        except httpx2.ConnectError as error:
            return error

    assert reason_of(raised(ConnectionRefusedError(111, "x"))) == "Connection refused"
    assert reason_of(raised(socket.gaierror(-2, "x"))) == "no such host"
    assert reason_of(raised(ssl.SSLError(1, "x"))) == "TLS failed"
    assert reason_of(raised(ssl.SSLCertVerificationError(1, "x"))) == "its certificate is not trusted"
    assert reason_of(raised(ValueError("secret"))) == "no connection"


def test_a_client_for_http_trusts_no_certificate() -> None:
    with private_client("http://localhost", httpx2.Timeout(1.0), {"X-Own": "1"}) as client:
        assert client.headers["X-Own"] == "1"
        assert not client.follow_redirects
        assert not client.trust_env
