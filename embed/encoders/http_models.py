"""`http://HOST:PORT`: an encoder that runs on another machine, served by `scanbank serve`.

Pixels are prepared here and travel as float32 tensors; vectors are those of the served encoder, and its spec is this one's,
so that they go into the same feature sets. Every request names the spec's digest: a server that has another model is refused.
"""

from __future__ import annotations

import os
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, final
from urllib.parse import unquote, urlsplit

import httpx2
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from ...store.errors import EncoderError, ScanbankError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ..encoder import Encoded, Encoder, Side
from ..errors import EncoderUnavailableError as Unavailable

TOKEN = "SCANBANK_TOKEN"
"""The environment variable with the bearer token."""
TRIES = 6
"""Times that a request is sent while the server is busy or the connection breaks; with the pauses between, half a minute."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_TIMEOUT = httpx2.Timeout(300.0, connect=10.0)
_AGAIN = frozenset({429, 502, 503})


def open_encoder(uri: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder that a server offers: `http://HOST:PORT` where it has one, else with `?model=NAME`.

    Raises:
        UsageError: the URI is malformed, or an option has no meaning here.
        UnknownNameError: the server has no such model.
        EncoderError: the server does not answer, or not as a scanbank service does.
    """
    if random_weights is not None:
        raise UsageError(f"encoder {uri!r} has the weights that its server gave it; leave --random-weights out")
    if device != "auto":
        raise UsageError(f"encoder {uri!r} runs on its server; leave --device out")
    base, model = _parts(uri)
    server = _Server(base)
    listed = server.models()
    try:
        described = _chosen(uri, model, listed["models"])
        return HttpEncoder(server, described, listed["limits"])
    except ScanbankError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{base} describes its models in a way that this version does not know; use one version on both") from error


def _parts(uri: str) -> tuple[str, str | None]:
    """The server's address, and the model's name where one is given. A plus in it is a plus: `timm:resnet18+random0`."""
    form = "write http://HOST:PORT or http://HOST:PORT?model=NAME"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"encoder {uri!r} is no address: {form}") from error
    if not parts.hostname or parts.fragment or parts.path not in ("", "/"):
        raise UsageError(f"encoder {uri!r} is no address of a service: {form}")
    if parts.username or parts.password:
        raise UsageError(f"encoder at {parts.hostname}: a URI is stored and shown; give the token in ${TOKEN}")
    name, _, value = parts.query.partition("=")
    if parts.query and (name != "model" or not value):
        raise UsageError(f"encoder {uri!r} has a query that is not understood: {form}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else ""), unquote(value) or None


def _chosen(uri: str, name: str | None, models: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    by_name = {str(one["name"]): one for one in models}
    if name is None:
        if len(by_name) != 1:
            raise UsageError(f"encoder {uri!r} serves {len(by_name)} models: add ?model=NAME, NAME one of {', '.join(by_name)}")
        return next(iter(by_name.values()))
    found = by_name.get(name) or next((one for full, one in by_name.items() if full.partition("@")[0] == name), None)
    if found is None:
        raise UnknownNameError(f"model at {uri.partition('?')[0]}", name, by_name)
    return found


@final
class HttpEncoder(Encoder):
    """A served encoder as if it ran here."""

    def __init__(self, server: _Server, described: Mapping[str, Any], limits: Mapping[str, int]) -> None:
        self.spec = EncoderSpec.from_dict(described["spec"])
        self.view = ViewSpec.from_dict(described["view"])
        self.offers = frozenset(described["offers"])
        self.channels = frozenset(described["channels"])
        self.size = None if described["size"] is None else (int(described["size"][0]), int(described["size"][1]))
        self.note = str(described["note"])
        self.gives_depth = bool(described["gives_depth"])
        if self.spec.digest != described["digest"]:
            raise EncoderError(
                f"{server.base} identifies its encoder by {described['digest']}, which this version takes for {self.spec.digest}: "
                "use one version of scanbank on both machines"
            )
        self._server = server
        self._max_rows = int(limits["max_items"])
        self._max_bytes = int(limits["max_bytes"])
        self._max_text = int(limits["max_text"])
        self._max_json = int(limits["max_json"]) - 64

    def _encode(self, side: Side, batch: Any) -> Encoded:
        if side == "text":
            return _joined([self._asked(side, {"json": {"texts": part}}, len(part)) for part in self._parted(batch)])
        rows = np.ascontiguousarray(batch, "<f4")
        step = max(1, min(self._max_rows, (self._max_bytes - 1024) // rows[:1].nbytes))
        pieces = [rows[at : at + step] for at in range(0, len(rows), step)]
        return _joined([self._asked(side, {"content": _npy(piece), "headers": _NPY}, len(piece)) for piece in pieces])

    def _parted(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """As many texts in a request as it may have, cut far beyond what any tokenizer reads."""
        part: list[str] = []
        room = self._max_json
        for text in (text[: self._max_text] for text in texts):
            size = 6 * len(text) + 4  # a character takes six bytes at most (\\uXXXX)
            if part and (len(part) == self._max_rows or size > room):
                yield part
                part, room = [], self._max_json
            part.append(text)
            room -= size
        yield part

    def _asked(self, side: Side, body: Mapping[str, Any], count: int) -> Encoded:
        headers = {"X-Scanbank-Spec": self.spec.digest, **body.get("headers", {})}
        params = {"model": self.spec.name}
        response = self._server.send("POST", f"/v1/encode/{side}", **{**body, "headers": headers, "params": params})
        try:
            found = load(response.content)
            vector = found["vector"]
        except (SafetensorError, KeyError, ValueError) as error:
            raise EncoderError(f"{self._server.base} answered with something that is no safetensors file of vectors") from error
        if len(vector) != count:
            raise EncoderError(f"{self._server.base} answered with {len(vector)} vectors; expected {count}")
        return Encoded(vector, depth=found.get("depth"), depth_mask=found.get("depth_mask"))


_NPY = {"Content-Type": "application/x-npy"}


def _npy(rows: np.ndarray) -> bytes:
    out = BytesIO()
    np.lib.format.write_array(out, rows, version=(1, 0), allow_pickle=False)
    return out.getvalue()


def _joined(parts: Sequence[Encoded]) -> Encoded:
    if len(parts) == 1:
        return parts[0]

    def every(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values)

    return Encoded(every("vector"), depth=every("depth"), depth_mask=every("depth_mask"))


@final
class _Server:
    """The connection: tries again while the server is busy, and tells in one line what else went wrong."""

    def __init__(self, base: str) -> None:
        self.base = base
        token = os.environ.get(TOKEN, "").strip()
        # Scans go to the host that was named and to no other: no proxy of the environment, no redirect.
        self._client = httpx2.Client(
            base_url=base,
            timeout=_TIMEOUT,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
        )
        weakref.finalize(self, self._client.close)

    def models(self) -> Any:
        """What `GET /v1/models` tells."""
        response = self.send("GET", "/v1/models")
        try:
            told = response.json()
        except ValueError as error:
            raise EncoderError(f"{self.base} is no scanbank service: it answers {_kind(response)} instead of JSON") from error
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
                    raise Unavailable(f"{self.base} cannot be reached ({_reason(error)}); does `scanbank serve` run there?") from error
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
                wait = _retry_after(response, pause)
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
        return f"{_kind(response)}, which is not how a scanbank service answers"


def _kind(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0][:60] or "nothing of a known type"


def _retry_after(response: httpx2.Response, otherwise: float) -> float:
    given = response.headers.get("retry-after", "")
    return min(float(given), _LONGEST_PAUSE) if given.isdecimal() else otherwise


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno and cause.errno > 0 else "no connection"
