"""Tensors in a body: NumPy's .npy format, version 1, of float32 and nothing else. Nothing of it is unpickled or copied."""

from __future__ import annotations

import ast
import math

import numpy as np
from numpy.typing import NDArray

from .problems import Problem

_MAGIC = b"\x93NUMPY\x01\x00"
_MAX_HEADER = 1024


def parse(body: bytearray, axes: int) -> NDArray[np.float32]:
    """The array, sharing the body's memory, in C order.

    Args:
        body: the whole file.
        axes: how many the array must have.

    Raises:
        Problem: 422 where it is not exactly that: another dtype, order or number of axes, a length that does not fit the shape.
    """
    if body[:8] != _MAGIC or len(body) < 10:
        raise Problem(422, "body: expected a .npy file of format version 1.0")
    length = int.from_bytes(body[8:10], "little")
    if length > _MAX_HEADER or 10 + length > len(body):
        raise Problem(422, "body: the header of the .npy file is too long or cut off")
    try:
        header = ast.literal_eval(bytes(body[10 : 10 + length]).decode("ascii").strip())
        dtype, order, shape = header["descr"], header["fortran_order"], header["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise Problem(422, "body: the header of the .npy file is malformed") from None
    if dtype != "<f4" or order is not False:
        raise Problem(422, "body: expected little-endian float32 ('<f4') in C order")
    if not isinstance(shape, tuple) or len(shape) != axes or not all(type(n) is int and n > 0 for n in shape):
        raise Problem(422, f"body: expected an array of {axes} axes, none of them empty")
    expected = math.prod(shape) * 4
    if len(body) - 10 - length != expected:
        raise Problem(422, f"body: the shape needs {expected} bytes of values, found {len(body) - 10 - length}")
    return np.frombuffer(body, np.dtype("<f4"), offset=10 + length).reshape(shape)
