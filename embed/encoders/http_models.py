"""`http://HOST:PORT`: an encoder that runs on another machine, served by `scanbank serve`.

Pixels are prepared here and travel as float32 tensors; vectors are those of the served encoder, and its spec is this one's,
so that they go into the same feature sets. Every request names the spec's digest: a server that has another model is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, final
from urllib.parse import unquote, urlsplit

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from ...store.errors import EncoderError, ScanbankError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ..encoder import Encoded, Encoder, Side
from ..http_client import TOKEN, Connection
from ..plugins import wrong_of


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
    if (match := _PRECISION.fullmatch(uri)) and "?" not in uri:
        raise _decided(match[1])
    base, model = _parts(uri)
    server = Connection(base)
    listed = server.models()
    try:
        described = _chosen(uri, model, listed["models"])
        return HttpEncoder(server, described, listed["limits"])
    except ScanbankError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
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
        if (match := _PRECISION.fullmatch(name)) and any(match[1] in (full, full.partition("@")[0]) for full in by_name):
            raise _decided(uri.removesuffix(name) + match[1])
        raise UnknownNameError(f"model at {uri.partition('?')[0]}", name, by_name)
    return found


def _decided(uri: str) -> UsageError:
    return UsageError(
        f"encoder {uri!r} computes in the precision that its server was started with; leave +bf16, +fp16 and --precision out here, "
        "and start `scanbank serve` with them"
    )


@final
class HttpEncoder(Encoder):
    """A served encoder as if it ran here."""

    def __init__(self, server: Connection, described: Mapping[str, Any], limits: Mapping[str, int]) -> None:
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
        if wrong := wrong_of(self):
            raise EncoderError(f"{server.base} describes an encoder whose {wrong}; use one version of scanbank on both machines")
        self._server = server
        self._max_rows, self._max_bytes, self._max_text, self._max_json = (
            _limit(limits, name) for name in ("max_items", "max_bytes", "max_text", "max_json")
        )

    def at_precision(self, precision: str) -> Encoder:
        """Nothing: raises UsageError, as the server decides."""
        del precision
        raise _decided(self._server.base)

    def _encode(self, side: Side, batch: Any) -> Encoded:
        if side == "text":
            found = _joined([self._asked(side, {"json": {"texts": part}}, len(part)) for part in self._parted(batch)])
            sent = np.array([len(text) <= self._max_text for text in batch])
            return found if found.whole is None or len(found.whole) != len(batch) else replace(found, whole=found.whole & sent)
        rows = np.ascontiguousarray(batch, "<f4")
        step = max(1, min(self._max_rows, (self._max_bytes - 1024) // rows[:1].nbytes))
        pieces = [rows[at : at + step] for at in range(0, len(rows), step)]
        return _joined([self._asked(side, {"content": _npy(piece), "headers": _NPY}, len(piece)) for piece in pieces])

    def _parted(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """As many texts in a request as it may have, cut far beyond what any tokenizer reads."""
        part: list[str] = []
        room = self._max_json - 64
        for text in (text[: self._max_text] for text in texts):
            size = 6 * len(text) + 4  # a character takes six bytes at most (\\uXXXX)
            if part and (len(part) == self._max_rows or size > room):
                yield part
                part, room = [], self._max_json - 64
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
        if vector.ndim != 2 or len(vector) != count:
            what = f"{len(vector)} vectors" if vector.ndim == 2 else f"an array of shape {vector.shape}"
            raise EncoderError(f"{self._server.base} answered with {what}; expected {count} vectors")
        return Encoded(vector, depth=found.get("depth"), depth_mask=found.get("depth_mask"), whole=found.get("whole"))


_PRECISION = re.compile(r"(.+)\+(?:bf16|fp16)")


def _limit(limits: Mapping[str, Any], name: str) -> int:
    found = limits[name]
    if not isinstance(found, int) or found < 1:
        raise ValueError(f"{name} is {found!r}")
    return found


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

    return Encoded(every("vector"), depth=every("depth"), depth_mask=every("depth_mask"), whole=every("whole"))
