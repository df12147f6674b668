"""Jobs and decoded scans between processes: JSON for what is small, one anonymous piece of memory for all arrays. Nothing is pickled.

The memory (`memfd_create`) has no name and no place on a disk: it is gone with the last process that holds it, however that ends.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.declared import Calibration
from ..store.errors import ReadError, ScanbankError, SourceChangedError, ViewError
from ..store.local_map import Located
from ..store.scan import Source, Volume
from ..store.specs import ViewSpec
from ..store.windows import Window
from .decoding import Beside, Decoded, Job, Prepared, Request
from .hu_check import HuVerdict

_LENGTH_BYTES = 8
_ALIGNED = 64
_ERRORS = {kind.__name__: kind for kind in (ReadError, SourceChangedError, ViewError)}
_META = ("spacing_mm", "slice_axis", "has_hu", "value_range", "content")


class PeerGoneError(Exception):
    """The other process ended, or closed its side."""


def send(connection: socket.socket, message: Any, arrays: Sequence[NDArray[Any]] = ()) -> None:
    """One message, and its arrays.

    Raises:
        PeerGoneError: nobody reads any more.
        TimeoutError: the connection has a time limit, and it passed.
    """
    places: list[dict[str, Any]] = []
    size = 0
    for array in arrays:
        places.append({"dtype": array.dtype.str, "shape": array.shape, "at": size})
        size += -(-array.nbytes // _ALIGNED) * _ALIGNED
    body = json.dumps({"message": message, "arrays": places}).encode()
    header = len(body).to_bytes(_LENGTH_BYTES, "little")
    try:
        if not size:
            return connection.sendall(header + body)
        memory = os.memfd_create("scanbank")
        try:
            os.ftruncate(memory, size)
            with mmap.mmap(memory, size) as mapped:
                for place, array in zip(places, arrays, strict=True):
                    target = np.frombuffer(mapped, array.dtype, array.size, place["at"]).reshape(array.shape)
                    np.copyto(target, array)
                    del target  # the map cannot be closed while it is looked into
            socket.send_fds(connection, [header], [memory])
        finally:
            os.close(memory)
        connection.sendall(body)
    except TimeoutError:
        raise
    except OSError as error:
        raise PeerGoneError from error


def receive(connection: socket.socket) -> tuple[Any, list[NDArray[Any]]]:
    """The next message and its arrays, which are read-only views of the other's memory.

    Raises:
        PeerGoneError: the other side ended.
        TimeoutError: the connection has a time limit, and it passed.
    """
    descriptors: list[int] = []
    mapped: Any = b""
    try:
        try:
            header, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
            rest = _exactly(connection, _LENGTH_BYTES - len(header)) if header else b""
            body = _exactly(connection, int.from_bytes(header + rest, "little"))
        except TimeoutError:
            raise
        except OSError as error:
            raise PeerGoneError from error
        if not body:
            raise PeerGoneError
        for descriptor in descriptors:
            mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:  # also where the other ended in the middle of a message: its memory would stay
        for descriptor in descriptors:
            os.close(descriptor)
    told = json.loads(body)
    arrays = [_viewed(mapped, place) for place in told["arrays"]]
    return told["message"], arrays


def job_to_dict(job: Job) -> dict[str, Any]:
    """The inverse of `job_from_dict`."""
    reference = job.beside.reference
    return {
        "located": _located_to_dict(job.located),
        "masks": [[finding, _located_to_dict(located)] for finding, located in job.beside.masks],
        "reference": None if reference is None else os.fsencode(reference).hex(),
        "slices": job.slices,
        "requests": [[request.geometry.to_dict(), request.planes, request.indices] for request in job.requests],
        "keep_voxels": job.keep_voxels,
        "accept_changed": job.accept_changed,
    }


def job_from_dict(told: dict[str, Any]) -> Job:
    """The job that was sent."""
    requests = tuple(
        Request(ViewSpec.from_dict(geometry), planes, None if indices is None else tuple(indices))
        for geometry, planes, indices in told["requests"]
    )
    masks = tuple((finding, _located_from_dict(located)) for finding, located in told["masks"])
    reference = None if told["reference"] is None else Path(os.fsdecode(bytes.fromhex(told["reference"])))
    located = _located_from_dict(told["located"])
    return Job(located, told["slices"], requests, told["keep_voxels"], told["accept_changed"], Beside(masks, reference))


def _located_to_dict(located: Located) -> dict[str, Any]:
    window = located.exported_window
    return {
        "kind": located.kind,
        "sources": [[os.fsencode(s.path).hex(), s.frame, s.size, s.mtime_ns] for s in located.sources],  # a path may be any bytes
        "window": None if window is None else asdict(window),
        "calibration": None if located.calibration is None else located.calibration.text(),
    }


def _located_from_dict(told: dict[str, Any]) -> Located:
    sources = tuple(Source(Path(os.fsdecode(bytes.fromhex(path))), *rest) for path, *rest in told["sources"])
    calibration = None if told["calibration"] is None else Calibration.from_text(told["calibration"])
    return Located(told["kind"], sources, None if told["window"] is None else Window(**told["window"]), calibration)


def send_decoded(connection: socket.socket, decoded: Decoded) -> None:
    """A scan, with whatever was made of it, in the order of the job's requests."""
    volume = decoded.volume
    arrays: list[NDArray[Any]] = [volume.voxels, volume.affine, volume.z_mm, volume.positions_mm]
    made: list[dict[str, str] | None] = []
    for found in decoded.prepared.values():
        if isinstance(found, Prepared):
            arrays += [found.values, found.z_mm, found.indices]
        made.append(None if isinstance(found, Prepared) else _told(found))
    window = volume.exported_window
    meta = {name: getattr(volume, name) for name in _META} | {"exported_window": None if window is None else asdict(window)}
    send(connection, {"volume": meta, "made": made, "hu": asdict(decoded.hu)}, arrays)


def send_error(connection: socket.socket, error: ScanbankError) -> None:
    """Why a job could not be done."""
    send(connection, {"error": _told(error)})


def decoded_of(message: Any, arrays: list[NDArray[Any]], job: Job) -> Decoded:
    """What `send_decoded` sent for a job.

    Raises:
        SourceChangedError, ReadError, ViewError: what `send_error` sent.
    """
    if "error" in message:
        raise _error(message["error"])
    meta, rest = message["volume"], iter(arrays)
    voxels, affine, z_mm, positions = (next(rest) for _ in range(4))
    window = meta["exported_window"]
    a, b, c = meta["spacing_mm"]
    volume = Volume(
        voxels, affine, (a, b, c), meta["slice_axis"], z_mm, positions, meta["has_hu"],
        None if meta["value_range"] is None else (meta["value_range"][0], meta["value_range"][1]),
        None if window is None else Window(**window),
        meta["content"],
    )  # fmt: skip
    made: dict[Request, Prepared | ScanbankError] = {}
    for request, error in zip(job.requests, message["made"], strict=True):
        made[request] = Prepared(next(rest), next(rest), next(rest)) if error is None else _error(error)
    return Decoded(volume, made, HuVerdict(**message["hu"]))


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            raise PeerGoneError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _viewed(mapped: Any, place: dict[str, Any]) -> NDArray[Any]:
    dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(mapped, dtype, count, place["at"]).reshape(shape) if count else np.empty(shape, dtype)


def _told(error: ScanbankError) -> dict[str, str]:
    return {"type": type(error).__name__, "text": str(error)}


def _error(told: dict[str, str]) -> ScanbankError:
    return _ERRORS.get(told["type"], ReadError)(told["text"])
