"""One request to an OpenAI-compatible endpoint, and what its answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, final
from urllib.parse import urlsplit

import httpx2

from ...embed.http_parts import Deadline, kind_of, private_client, reason_of, retry_after
from .llm_answer import content_of
from .llm_errors import AnswerError, BusyError, EndpointError, RefusedError
from .llm_prompt import Prompt
from .llm_settings import LlmSettings
from .llm_shape import Shape

MOST_BYTES = 4 << 20
"""Of an answer."""
LONGEST_PAUSE_S = 300.0
"""However long an endpoint asks to wait."""
_BUSY_PAUSE_S = 2.0
_CONNECT_S = 10.0
_PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which asking again may help."""
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")


@final
class Endpoint:
    """The connection, used by several threads. What it sends, it sends to the settings' URL and nowhere else."""

    def __init__(self, prompt: Prompt, settings: LlmSettings, before_each: Callable[[], None]) -> None:
        """`before_each` returns when a request may go."""
        self._prompt, self._settings, self._before_each = prompt, settings, before_each
        headers = settings.headers()
        self._has_key = "Authorization" in headers
        timeout = httpx2.Timeout(settings.timeout_s, connect=min(_CONNECT_S, settings.timeout_s))
        self._client = private_client(settings.url, timeout, headers, settings.concurrency)
        self._asked_first = Shape(settings.format)
        self._shape = self._asked_first
        self._has_answered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the endpoint was found to refuse, and is not asked any more."""
        left_out = self._shape.differs(self._asked_first)
        return (f"{self._settings.host} refuses {left_out}",) if left_out else ()

    def ask(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The text of the answer.

        Raises:
            AnswerError: it is no answer that can be read.
            BusyError: the endpoint is busy, failed or broke off.
            RefusedError: it refuses this report.
            EndpointError: it refuses everything, or is not there.
        """
        shape: Shape | None = self._shape
        status, kind, data = 0, "", b""
        while shape is not None:
            status, kind, data = self._post(shape.body(self._prompt, self._settings, messages))
            if status not in (400, 422):
                break
            shape = shape.without(data)
        if shape is None or not 200 <= status < 300:
            raise RefusedError(f"the endpoint refused it with status {status}{_code(data)}")
        self._shape = shape  # what it took just now it will take again
        return content_of(data, kind)

    def _post(self, body: bytes) -> tuple[int, str, bytes]:
        """(status, media type, body) of an answer that may do, or tells what the report did wrong."""
        self._before_each()
        deadline = Deadline(self._settings.timeout_s)
        asked = {"content": body, "headers": {"Content-Type": "application/json"}, "extensions": {"trace": deadline.trace}}
        try:
            with deadline, self._client.stream("POST", self._settings.url, **asked) as response:
                self._has_answered = True
                if 300 <= response.status_code < 400:
                    self._redirected(response)
                data = self._read(response)
            if deadline.passed:  # a body without a length ends where the connection does
                raise BusyError(self._late)
        except httpx2.ConnectTimeout as error:
            self._unreachable("no answer", error)
        except httpx2.ConnectError as error:
            self._unreachable(reason_of(error), error)
        except httpx2.TimeoutException as error:
            raise BusyError(self._late) from error
        except httpx2.TransportError as error:
            if deadline.passed:
                raise BusyError(self._late) from error
            raise BusyError(f"the endpoint broke the connection ({type(error).__name__})") from error
        self._check(response, data)
        return response.status_code, kind_of(response), data

    def _read(self, response: httpx2.Response) -> bytes:
        """The body, up to `MOST_BYTES`."""
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise AnswerError("the endpoint answered compressed, which it was asked not to")
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > MOST_BYTES:
                raise AnswerError(f"the endpoint answered with more than {MOST_BYTES >> 20} MB")
            parts.append(part)
        return b"".join(parts)

    def _check(self, response: httpx2.Response, data: bytes) -> None:
        """Raises for statuses that are no report's fault."""
        status, model = response.status_code, self._settings.model
        variable = self._settings.key_variable
        if status in (401, 403):
            wrong = f"refuses the API key in ${variable}" if self._has_key else f"wants an API key: put it into ${variable}"
            raise EndpointError(f"{self._settings.host} {wrong} (status {status})")
        if status in (404, 405):
            raise EndpointError(f"{self._settings.url} has no model {model!r}, or is no such address (status {status}); look at both")
        if status == 402 or (status == 429 and _code(data) == " (insufficient_quota)"):
            raise EndpointError(f"{self._settings.host} answers no more until it is paid (status {status})")
        if status in _PASSING or status >= 500:
            pause = retry_after(response, -1.0, LONGEST_PAUSE_S)
            first = _BUSY_PAUSE_S if status == 429 else 0.5
            what = "is too busy" if status == 429 else "failed"
            raise BusyError(f"the endpoint {what} (status {status})", first, None if pause < 0 else pause)

    def _redirected(self, response: httpx2.Response) -> NoReturn:
        try:
            to = urlsplit(response.headers.get("location", "")[:500]).hostname or ""
        except ValueError:
            to = ""
        to = to if to.isascii() and to.isprintable() and to else "another address"
        raise EndpointError(
            f"{self._settings.url} sends on to {to[:100]} (status {response.status_code}), and reports go only where was said; "
            "if that is the right address, name it as the endpoint"
        )

    def _unreachable(self, reason: str, error: Exception) -> NoReturn:
        if not self._has_answered:  # a wrong address is told at once
            raise EndpointError(f"{self._settings.url} cannot be reached ({reason}); does the model's server run there?") from error
        raise BusyError(f"the endpoint cannot be reached any more ({reason})") from error

    @property
    def _late(self) -> str:
        return f"the endpoint did not answer within {self._settings.timeout_s:g} s"


def _code(data: bytes) -> str:
    """The error's code as ` (code)`, where it is one word."""
    try:
        told: Any = json.loads(data)
        told = told.get("error", told)
        code = told.get("code") or told.get("type")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
