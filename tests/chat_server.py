"""An OpenAI-compatible endpoint on this machine that behaves, or misbehaves, as a test says."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scanbank.eval.labels import FindingSet

YAML = """
name: two
findings:
  - {name: nodule, title: Lung nodule, description: A small opacity., mentions: [nodule*]}
  - {name: effusion, title: Pleural effusion, mentions: [effusion*]}
"""


def two_findings() -> FindingSet:
    from scanbank.eval.labels.finding_sets import parse_set

    return parse_set("test", YAML.encode())


@dataclass(frozen=True)
class Reply:
    """What comes back; without a status the connection is reset."""

    status: int | None = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    """Waited for before anything is answered."""
    drips: bool = False
    """After the body, blanks come one by one and never end."""


@dataclass
class Seen:
    """What came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def report(self) -> str:
        """The text between the marks of the first report that is asked about."""
        users = [message["content"] for message in self.body["messages"] if message["role"] == "user"]
        return next(text for text in users if "<report>" in text).removeprefix("<report>\n").removesuffix("\n</report>")


def completion(content: Any, **choice: Any) -> Reply:
    message = {"role": "assistant", "content": content}
    return as_json(
        {"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice]}
    )


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | headers)


def labels(**present: bool) -> str:
    return json.dumps({name: "POS" if there else "NEG" for name, there in present.items()})


def by_words(seen: Seen) -> Reply:
    """POS of each of the two findings whose name the report holds."""
    return completion(labels(nodule="nodule" in seen.report, effusion="effusion" in seen.report))


class ChatServer:
    """Answers each request by `answer`, and counts."""

    def __init__(self, answer: Callable[[Seen], Reply]) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        self.url = ""

    @property
    def reports(self) -> list[str]:
        """Texts that were asked about, in order."""
        return [seen.report for seen in self.seen]


@contextmanager
def chat_server(answer: Callable[[Seen], Reply] = by_words) -> Iterator[ChatServer]:
    told = ChatServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            seen = Seen(self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            with told.lock:
                told.seen.append(seen)
                told.in_flight += 1
                told.most_in_flight = max(told.most_in_flight, told.in_flight)
            try:
                reply = told.answer(seen)
                if reply.hang is not None:
                    reply.hang.wait(30)
            finally:
                with told.lock:  # before the answer: whoever has it may ask again at once
                    told.in_flight -= 1
            if reply.status is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            with suppress(OSError):  # who asked has gone
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | dict(reply.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                while reply.drips:
                    self.wfile.write(b" ")
                    time.sleep(0.02)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # connections that were reset on purpose

    server = Server(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
