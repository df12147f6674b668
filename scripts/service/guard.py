"""What every request passes first: whether the service takes requests, who asks, an id, and a line in the log without content."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import time
import traceback
import uuid
from collections.abc import Collection
from typing import final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .problems import Problem, response_of, told

OPEN = frozenset({"/", "/healthz", "/openapi.json"})
"""Paths that need no token: they tell what the service is, and nothing that it knows."""

log = logging.getLogger("scanbank.service")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a service bound to `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@final
class Guard:
    """The outermost ASGI layer.

    Args:
        app: what answers.
        metrics: told of each request.
        token: expected as `Authorization: Bearer TOKEN`; empty where none is needed. Only a digest of it is kept.
        hosts: where no token is needed, the names under which the service may be asked for: a page in a browser on this machine could
            otherwise reach it under a name of its own (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, token: str = "", hosts: Collection[str] = ()) -> None:
        self._app = app
        self._metrics = metrics
        self._token = _digest(token.encode()) if token else b""
        self._hosts = frozenset(hosts)
        self.ending = False
        """Set when the service is to end: what it has accepted is answered, anything new is refused."""
        self.in_flight = 0
        """Requests that were accepted and are not answered yet."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id = time.perf_counter(), uuid.uuid4().hex
        status, received, sent, started, complete = 0, 0, 0, False, False

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def marked_send(message: Message) -> None:
            nonlocal status, sent, started, complete
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request_id.encode()), *_HEADERS]}
            sent += len(message.get("body", b""))
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")

        refusal = self._refusal(scope)
        self.in_flight += refusal is None
        self._metrics.in_flight.inc()
        try:
            if refusal is not None:
                await response_of(refusal)(scope, counted_receive, marked_send)
            else:
                await self._app(scope, counted_receive, marked_send)
        except Exception as error:  # noqa: BLE001 - the last layer: whatever it is becomes a problem document
            # Where it happened, not what was said: a message could repeat the request.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s failed: %s at %s:%s", request_id, type(error).__name__, frame.filename.rpartition("/")[2], frame.lineno)
            if started and not complete:
                raise ConnectionAbortedError("the answer was cut short") from None
            if not started:
                await response_of(told(error))(scope, counted_receive, marked_send)
        finally:
            self.in_flight -= refusal is None
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            self._metrics.received.labels(route).inc(received)
            log.info("%s %s %d %d bytes in, %d out, %.1f ms", request_id, route, status, received, sent, 1000 * seconds)

    def _refusal(self, scope: Scope) -> Problem | None:
        if self.ending:
            return Problem(503, "the service is ending", headers={"Retry-After": "5", "Connection": "close"})
        headers = dict(scope["headers"])
        if self._hosts and _host(headers.get(b"host", b"")) not in self._hosts:
            return Problem(421, "the service has no such name; ask for it under the address that it is bound to")
        if self._token and scope["path"] not in OPEN and not self._knows(headers.get(b"authorization", b"")):
            return Problem(401, "expected the header Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"})
        return None

    def _knows(self, given: bytes) -> bool:
        scheme, _, token = given.partition(b" ")
        return hmac.compare_digest(_digest(token.strip()), self._token) and scheme.lower() == b"bearer"


_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def _digest(token: bytes) -> bytes:
    """Of equal length whatever the token's: comparing takes the same time."""
    return hashlib.sha256(token).digest()


def _host(header: bytes) -> str:
    text = header.decode("latin-1").lower()
    return text.partition("]")[0].lstrip("[") if text.startswith("[") else text.partition(":")[0]
