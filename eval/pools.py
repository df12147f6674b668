"""Poolings: many vectors of an item become one, a block of them at a time."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError

_TOP = re.compile(r"top([1-9]\d{0,3})")


class Pool(ABC):
    """Of N items with vectors of D values."""

    @abstractmethod
    def add(self, owner: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
        """More vectors (M, D) of the items `owner` (M,), in the order of items."""

    @abstractmethod
    def result(self) -> NDArray[np.float64]:
        """(N, D); of an item without vectors, anything."""


@final
class Mean(Pool):
    """What most of the field does."""

    def __init__(self, count: int, dim: int) -> None:
        self._sum, self._seen = np.zeros((count, dim)), np.zeros(count, np.int64)

    def add(self, owner: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
        if len(owner):
            owners, begin = np.unique(owner, return_index=True)
            self._sum[owners] += vectors if len(owners) == len(owner) else np.add.reduceat(vectors, begin)  # three times as fast
            self._seen += np.bincount(owner, minlength=len(self._seen))

    def result(self) -> NDArray[np.float64]:
        return self._sum / np.maximum(self._seen, 1)[:, None]


@final
class Max(Pool):
    """Keeps what a single slice shows."""

    def __init__(self, count: int, dim: int) -> None:
        self._most = np.full((count, dim), -np.inf)

    def add(self, owner: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
        if len(owner):
            owners, begin = np.unique(owner, return_index=True)
            self._most[owners] = np.maximum(self._most[owners], np.maximum.reduceat(vectors, begin))

    def result(self) -> NDArray[np.float64]:
        return np.where(np.isfinite(self._most), self._most, 0.0)


@final
class TopMean(Pool):
    """For each value the mean of its K largest, of all where there are fewer: between `max` and `mean`."""

    def __init__(self, count: int, dim: int, k: int) -> None:
        self._k, self._largest, self._dim = k, [np.empty((0, dim)) for _ in range(count)], dim

    def add(self, owner: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
        owners, begin = np.unique(owner, return_index=True)
        for item, rows in zip(owners, np.split(vectors, begin[1:]), strict=True) if len(owner) else ():
            every = np.concatenate([self._largest[item], rows])
            self._largest[item] = every if len(every) <= self._k else np.partition(every, len(every) - self._k, axis=0)[-self._k :]

    def result(self) -> NDArray[np.float64]:
        return np.array([rows.mean(axis=0) if len(rows) else np.zeros(self._dim) for rows in self._largest]).reshape(-1, self._dim)


_POOLS: dict[str, Callable[[int, int], Pool]] = {"mean": Mean, "max": Max}


def is_pool(name: str) -> bool:
    """Whether a name is that of a pooling."""
    return name in _POOLS or bool(_TOP.fullmatch(name))


def pool_of(name: str) -> Callable[[int, int], Pool]:
    """What makes a pooling for (N, D): `mean`, `max`, or `topK` such as `top5`.

    Raises:
        UnknownNameError: there is no such pooling.
    """
    if match := _TOP.fullmatch(name):
        k = int(match[1])
        return lambda count, dim: TopMean(count, dim, k)
    if name not in _POOLS:
        raise UnknownNameError("pooling", name, [*_POOLS, "top5"])
    return _POOLS[name]
