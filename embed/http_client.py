"""The client's side of `scanbank serve`: one connection, tries again where that helps, and errors that fit a line."""

from __future__ import annotations

import os
import time
import weakref
from typing import Any, final

import httpx2

from ..store.errors import EncoderError, ScanbankError
from .errors import EncoderUnavailableError as Unavailable
from .http_parts import kind_of, private_client, reason_of, retry_after

TOKEN = "SCANBANK_TOKEN"
"""The environment variable with the bearer token."""
TRIES = 8
"""Times that a request is sent while the server is busy or the connection breaks; with the pauses between, half a minute."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_TIMEOUT = httpx2.Timeout(300.0, connect=10.0)
_AGAIN = frozenset({429, 502, 503})


@final
class Connection:
    """The connection: tries again while the server is busy, and tells in one line what else went wrong."""

    def __init__(self, base: str) -> None:
        self.base = base
        token = os.environ.get(TOKEN, "").strip()
        self._client = private_client(base, _TIMEOUT, {"Authorization": f"Bearer {token}"} if token else {})
        weakref.finalize(self, self._client.close)

    def models(self) -> Any:
        """What `GET /v1/models` tells."""
        response = self.send("GET", "/v1/models")
        try:
            told = response.json()
        except ValueError as error:
            raise EncoderError(f"{self.base} is no scanbank service: it answers {kind_of(response)} instead of JSON") from error
        if not isinstance(told, dict) or "models" not in told or "limits" not in told:
            raise EncoderError(f"{self.base} is no scanbank service: it does not list its models")
        return told

    def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The answer, of status 200. Raises EncoderError."""
        pause, first = _FIRST_PAUSE, path == "/v1/models"  # a wrong address is told at once
        for tries in range(1, TRIES + 1):
            try:
                response = self._client.request(method, path, **options)
            except httpx2.ConnectTimeout as error:
                raise Unavailable(f"{self.base} does not answer; is the address right, and does `scanbank serve` run there?") from error
            except httpx2.TimeoutException as error:
                raise Unavailable(f"{self.base} did not answer within {_TIMEOUT.read:g} s; look whether it still runs") from error
            except httpx2.ConnectError as error:
                if tries == TRIES or first:
                    raise Unavailable(f"{self.base} cannot be reached ({reason_of(error)}); does `scanbank serve` run there?") from error
                wait = pause
            except httpx2.TransportError as error:
                if tries == TRIES or first:
                    raise Unavailable(f"{self.base} broke the connection ({type(error).__name__}); does it speak HTTP?") from error
                wait = pause
            else:
                if response.status_code == 200:
                    return response
                if response.status_code not in _AGAIN or tries == TRIES:
                    raise self._refused(response)
                wait = retry_after(response, pause, _LONGEST_PAUSE)
            _wait(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("unreachable: the last try returns or raises")

    def _refused(self, response: httpx2.Response) -> ScanbankError:
        status, detail = response.status_code, _detail(response)
        if status == 401:
            return Unavailable(f"{self.base} wants another token: set ${TOKEN} to the one that it was started with")
        if status == 409:
            return Unavailable(f"{self.base} serves another encoder than it did when this began: {detail}. Run the command again")
        if status == 429:
            return Unavailable(f"{self.base} is too busy: {detail}; tried {TRIES} times. Run the command again later")
        return EncoderError(f"{self.base} answered {status}: {detail}")


def _wait(seconds: float) -> None:
    time.sleep(seconds)


def _detail(response: httpx2.Response) -> str:
    """A problem document's words; nothing of an answer that is none."""
    try:
        return str(response.json()["detail"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"{kind_of(response)}, which is not how a scanbank service answers"
