"""Running the application: uvicorn, with an end that answers what was accepted and refuses what comes after."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...store.errors import UsageError
from .app import application
from .guard import Guard, is_loopback
from .service import Service

HEADER_SECONDS = 15.0
"""In which a request's headers must have come."""
MAX_CONNECTIONS = 1024
MIN_TOKEN = 16


@final
class Protocol(H11Protocol):
    """HTTP/1.1, hanging up on clients that open a connection and do not say what they want."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._disarm()

    def _watch(self) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.conn.their_state is h11.IDLE:
            self._late = self._late or self.loop.call_later(HEADER_SECONDS, self._hang_up)
        else:
            self._disarm()

    def _disarm(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self.transport.close()


@final
class Server(uvicorn.Server):
    """uvicorn's, but on SIGTERM or Ctrl-C it first lets what was accepted finish, refusing new requests with 503.

    A second signal ends it at once.
    """

    def __init__(self, service: Service, host: str, port: int, token: str = "", told: Callable[[str], None] | None = None) -> None:
        """Refuses to listen to other machines without a token.

        Args:
            service: what answers.
            host: address to listen on.
            port: 0 takes a free one.
            token: what clients must send; may be empty on loopback.
            told: called with the URL when it listens.

        Raises:
            UsageError: others can reach the address and there is no token, or it is too short.
        """
        if not token and not is_loopback(host):
            raise UsageError(
                f"the service would be open to everyone who reaches {host}: give a token (--token-file, or $SCANBANK_TOKEN), "
                "or listen on 127.0.0.1"
            )
        if token and (len(token) < MIN_TOKEN or not token.isascii() or any(c.isspace() for c in token)):
            raise UsageError(
                f"the token must have {MIN_TOKEN} characters or more, ASCII without spaces; "
                'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        hosts = () if token else {"localhost", "127.0.0.1", "::1", host.strip("[]").lower()}
        self.guard = Guard(application(service, token_needed=bool(token)), service.metrics, token, hosts)
        self._told = told
        super().__init__(
            uvicorn.Config(
                self.guard,
                host=host.strip("[]"),
                port=port,
                http=Protocol,
                ws="none",
                lifespan="on",
                access_log=False,  # it would hold query strings; the guard writes a line without them
                log_config=None,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=max(1, int(service.limits.timeout_s)),
            )
        )

    @property
    def port(self) -> int:
        """The one that it listens on."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen and answer until it is ended.

        Raises:
            UsageError: the address cannot be listened on.
        """
        super().run(sockets or [self._listening()])

    def _listening(self) -> socket.socket:
        host, port = self.config.host, self.config.port
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, port), family=family, backlog=self.config.backlog)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
            raise UsageError(f"{host} port {port} cannot be listened on ({reason}); choose others by --host and --port") from error

    def end(self) -> None:
        """Begin to end: what was accepted is answered."""
        self.guard.ending = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._told is not None:
            name = self.config.host
            self._told(f"http://{f'[{name}]' if ':' in name else name}:{self.port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        if self.guard.ending:
            self.should_exit = self.force_exit = True
            if sig == signal.SIGINT:
                raise KeyboardInterrupt
        self.end()

    async def on_tick(self, counter: int) -> bool:
        if self.guard.ending and not self.guard.in_flight:
            self.should_exit = True
        return await super().on_tick(counter)
