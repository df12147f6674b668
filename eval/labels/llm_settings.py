"""How a language model is asked: where it is, what it is called, and how hard it may be asked."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, final, get_args
from urllib.parse import urlsplit

from ...store.errors import UnknownNameError, UsageError

Format = Literal["json_schema", "json_object", "text"]
FORMATS: tuple[Format, ...] = get_args(Format)
"""How an answer's form is asked for, the strictest first: by a schema, as JSON of any form, or in the prompt alone."""
KEY = "SCANBANK_LLM_KEY"
"""The environment variable with the API key, where none is named."""
MOST_CHARACTERS = 200_000
"""Of a report; longer ones are not sent."""

_MODEL = re.compile(r"[!-~]{1,200}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_WORD = re.compile(r"[!-~]{1,4000}")


@final
@dataclass(frozen=True)
class Example:
    """A report with its findings, shown to the model before it is asked."""

    report: str
    present: frozenset[str]
    """Names of findings; all others are absent."""


@final
@dataclass(frozen=True)
class LlmSettings:
    """An OpenAI-compatible endpoint and how to ask it.

    Raises:
        UsageError: something is out of range, or the endpoint is no address.
    """

    endpoint: str
    """`http://HOST:PORT`, to which `/v1/chat/completions` is added, or an address that ends in `/v1` or `/chat/completions`."""
    model: str
    """As the endpoint calls it."""
    send_text: bool = False
    """The user's word that report texts may be sent there; without it nothing is."""
    examples: tuple[Example, ...] = ()
    format: Format = "json_schema"
    """The strictest that is tried; what an endpoint refuses is asked less strictly, with a note."""
    temperature: float = 0.0
    max_tokens: int = 2000
    """Of an answer. Models that reason first need more."""
    concurrency: int = 4
    """Requests at the same time."""
    requests_per_minute: float | None = None
    """None: as many as come."""
    timeout_s: float = 120.0
    """Of a whole answer."""
    tries: int = 6
    """Requests for a report, after which it counts as failed."""
    key_variable: str = KEY
    """The environment variable that holds the API key; where it is not set, none is sent."""
    url: str = field(init=False, default="")
    """Where requests go."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _url(self.endpoint))
        if not _MODEL.fullmatch(self.model):
            raise UsageError(f"model {self.model[:100]!r} is no name; expected 1 to 200 characters without blanks, such as gpt-oss:20b")
        if self.format not in FORMATS:
            raise UnknownNameError("format of answers", self.format, FORMATS)
        if not _NAME.fullmatch(self.key_variable):
            raise UsageError(
                "the API key's environment variable is named wrongly; give the variable's name, such as OPENAI_API_KEY, never the key"
            )
        for name, value, lowest, highest in (
            ("temperature", self.temperature, 0, 2),
            ("max_tokens", self.max_tokens, 16, 1_000_000),
            ("concurrency", self.concurrency, 1, 256),
            ("requests_per_minute", 1 if self.requests_per_minute is None else self.requests_per_minute, 0.01, 1_000_000),
            ("timeout_s", self.timeout_s, 0.01, 3600),
            ("tries", self.tries, 1, 100),
        ):
            if not lowest <= value <= highest:
                raise UsageError(f"{name} is {value}; expected a number from {lowest} to {highest:,}")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def in_clear(self) -> bool:
        """Whether texts cross a network unencrypted."""
        return self.url.startswith("http:") and not self.is_local

    def headers(self) -> Mapping[str, str]:
        """With the API key, which is held nowhere else.

        Raises:
            UsageError: the variable holds what cannot be a key.
        """
        key = os.environ.get(self.key_variable, "").strip()
        if key and not _WORD.fullmatch(key):  # a header that is refused would show it
            raise UsageError(f"${self.key_variable} holds no API key: expected one word of plain characters")
        # not compressed, so that its size is known before it is unpacked; a connection for each request, as its deadline shuts it
        plain = {"Accept-Encoding": "identity", "Accept": "application/json", "Connection": "close"}
        return plain | ({"Authorization": f"Bearer {key}"} if key else {})


def _url(endpoint: str) -> str:
    form = "expected an address such as http://localhost:11434 or https://HOST/v1"
    try:
        parts = urlsplit(endpoint.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the endpoint is no address: {form}") from error
    if parts.username or parts.password or parts.query or parts.fragment:  # any of these may hold a secret: it is not shown
        raise UsageError(f"the endpoint at {parts.hostname} has more than host and path; the key goes into ${KEY}: {form}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _MODEL.fullmatch(endpoint.strip()):
        raise UsageError(f"endpoint {endpoint[:100]!r} is no address: {form}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions" if path.endswith("/v1") else "/v1/chat/completions"
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "") + path
