"""What clients of HTTP services have in common: a client that talks to the named host alone, and what answers and failures are called."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, final

import httpx2


def private_client(base_url: str, timeout: httpx2.Timeout, headers: Mapping[str, str], connections: int = 100) -> httpx2.Client:
    """A client for what may go to the host that was named and to no other: no proxy of the environment, no redirect followed."""
    # to read all authorities takes 50 ms; without any, nobody is trusted
    secure = ssl.create_default_context() if base_url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.Client(
        base_url=base_url,
        timeout=timeout,
        headers=dict(headers),
        follow_redirects=False,
        trust_env=False,
        verify=secure,
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
    )


@final
class Deadline:
    """The end of a request, however the host spends the time: time-outs of the client are of one read, and a host that sends a letter of
    its headers now and then never meets them.

    Used as `with Deadline(seconds) as deadline, client.stream(..., extensions={"trace": deadline.trace}) as response:`, of a client that
    makes a connection for each request (`Connection: close`). Past it the connection is shut, which ends reading with an error.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._stream: Any = None
        self.passed = False
        """Whether the time is up."""

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by the client of what it does: the connection, and the encrypted one over it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]
            if self.passed:
                self._shut()

    def _end(self) -> None:
        self.passed = True
        if self._stream is not None:
            self._shut()

    def _shut(self) -> None:
        with suppress(OSError):  # it was closed meanwhile
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def kind_of(response: httpx2.Response) -> str:
    """The media type of an answer, for messages."""
    return response.headers.get("content-type", "").partition(";")[0][:60] or "nothing of a known type"


def retry_after(response: httpx2.Response, otherwise: float, longest: float) -> float:
    """Seconds to wait by the header Retry-After, which holds seconds or a date (RFC 9110, 10.2.3); `otherwise` where it says nothing."""
    given = response.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return min(float(given), longest)
    try:
        at = parsedate_to_datetime(given)
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return otherwise
    return min(max(seconds, 0.0), longest)


def reason_of(error: BaseException) -> str:
    """Why no connection was made, in the system's words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not trusted" if isinstance(cause, ssl.SSLCertVerificationError) else "TLS failed"
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__  # the libraries between tell it in either way
    return "no connection"
