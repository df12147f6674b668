"""How fast indexes answer and grow, beside FAISS called directly on the same vectors with the same threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, final

import faiss
import numpy as np
from numpy.typing import NDArray

from scanbank.eval.indexes import Found, Searcher, build_index, unit
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec

from .bench_figures import Figure, Sizes, bounded, rate, timed

_BATCH = 20_000
_K = 10
_SPREAD = 0.7
"""The length of what is local, of vectors whose centres have length 1."""
_RECALL = 0.95
Query = NDArray[np.float32]


def index(folder: Path, sizes: Sizes) -> list[Figure]:
    """One query, of all vectors and of filters that keep few; and a few vectors more. Vectors are a mixture of centres."""
    rows, dim = sizes.indexed
    bank = Bank.create(folder / "bank")
    mixture = _Mixture(dim, sizes.centres, sizes.local, sizes.seed)
    for start in range(0, rows, _BATCH):
        _append(bank, mixture.draw(min(_BATCH, rows - start)), start)
    queries = unit(mixture.draw(sizes.queries))
    figures, filters, truth = _exact(bank, queries, sizes)
    built = timed(lambda: _index(bank, "hnsw"))
    figures += _graph(bank, queries, filters, truth, sizes)
    figures.append(_addition(bank, mixture, "hnsw", built, sizes))
    built = timed(lambda: _index(bank, "ivfpq"))
    return [*figures, _addition(bank, mixture, "ivfpq", built, sizes)]


def _exact(bank: Bank, queries: Query, sizes: Sizes) -> tuple[list[Figure], dict[str, NDArray[np.int64]], dict[str, NDArray[np.float32]]]:
    """Exact queries; filters by name, the first of which keeps all, and for each (Q, K) scores of the best."""
    rows, dim = sizes.indexed
    exact = _index(bank, "exact")
    found = _beside_faiss(exact, queries[: 1 + 2 * sizes.repeats])
    what = f"one query over {rows} x {dim} vectors, exact"
    figure = rate(what, 1, "queries/s", found["ours"], found["faiss"], "faiss IndexFlatIP", round(1 / 1.1, 3))
    drawn = np.random.default_rng(sizes.seed).random(rows)
    filters = {f"keeps {share:.0%}": np.flatnonzero(drawn < share) for share in (1.0, 0.1, 0.01)}
    vectors = exact.index.vectors
    return [figure], filters, {name: vectors.best(queries, _K, kept)[0] for name, kept in filters.items()}


def _graph(
    bank: Bank, queries: Query, filters: dict[str, NDArray[np.int64]], truth: dict[str, NDArray[np.float32]], sizes: Sizes
) -> list[Figure]:
    """Queries of a graph, with and without filters."""
    searcher, figures = _index(bank, "hnsw"), list[Figure]()
    every = next(iter(filters))
    plain = _plain(searcher, queries)
    taken, found, way = _measured(searcher, queries, None, every)
    recall = _recall(found, truth[every])
    what = f"one query over {sizes.indexed[0]} x {sizes.indexed[1]} vectors, hnsw"
    name = f"faiss IndexHNSWFlat, efSearch 64, recall@10 {_recall(plain[1], truth[every]):.3f}"
    figures.append(bounded(_what(what, way, recall, taken), taken, "ms", 5.0, plain[0], name))
    figures.append(_share("recall@10 of it", recall))
    for name, kept in list(filters.items())[1:]:
        some, found, way = _measured(searcher, queries, kept, name)
        recall = _recall(found, truth[name])
        figures.append(_twice(_what(f"{what}, a filter {name}", way, recall, some), some, taken))
        figures.append(_share(f"recall@10 of it, a filter {name}", recall))
    return figures


def _beside_faiss(exact: Searcher, queries: Query) -> dict[str, list[float]]:
    """Seconds of each query, by turns."""
    flat: Any = faiss.IndexFlatIP(queries.shape[1])
    flat.add(exact.index.vectors.rows)
    taken: dict[str, list[float]] = {"ours": [], "faiss": []}
    for query in queries:
        taken["ours"].append(timed(lambda query=query: exact.search(query, _K)))
        taken["faiss"].append(timed(lambda query=query: flat.search(query[None], _K)))
    return {name: seconds[1:] for name, seconds in taken.items()}


def _addition(bank: Bank, mixture: _Mixture, kind: str, built: float, sizes: Sizes) -> Figure:
    """Vectors more, by the whole of what `scanbank index` does: reading, adding, measuring recall, writing."""
    _append(bank, mixture.draw(sizes.added), bank.feature_sets[0].rows)
    added = timed(lambda: _index(bank, kind))
    what = f"adding {sizes.added} vectors to an index of {sizes.indexed[0]}, {kind}"
    return Figure(what, added, "s", built, "making it", added / built, wanted="ratio < 0.02", met=added / built < 0.02)


def _index(bank: Bank, kind: str) -> Searcher:
    """As a search finds it."""
    bank.refresh()
    return Searcher(build_index(bank, bank.feature_sets[0], kind=kind, recall=_RECALL))


def _measured(
    searcher: Searcher, queries: Query, kept: NDArray[np.int64] | None, name: str
) -> tuple[list[float], list[NDArray[np.float32]], str]:
    """Seconds of each query, scores found, and the way. A filter was asked for twice before: what it keeps, and its plan, are known."""

    def ask(query: Query) -> Found:
        among = kept
        return searcher.search(query, _K) if among is None else searcher.search(query, _K, lambda: among, name=name)

    for query in (*queries[:2], *queries):
        ask(query)
    taken = _each(ask, queries)
    answers = [ask(query) for query in queries]
    return taken, [answer.scores for answer in answers], f"{answers[0].plan.way} {answers[0].plan.width}"


def _each(job: Callable[[Query], object], queries: Query) -> list[float]:
    return [timed(lambda query=query: job(query)) for query in queries]


def _recall(found: list[NDArray[np.float32]], truth: NDArray[np.float32]) -> float:
    """Of the best, what was found; what is as near as the last of them is as right."""
    return float(np.mean([np.count_nonzero(scores >= best[-1] - 1e-6) / _K for scores, best in zip(found, truth, strict=True)]))


def _plain(searcher: Searcher, queries: Query) -> tuple[list[float], list[NDArray[np.float32]]]:
    """The same graph, by FAISS alone: seconds of each query, and scores found."""
    untyped: Any = faiss
    parameters, graph = untyped.SearchParametersHNSW(efSearch=64), searcher.index.graph
    found = [graph.search(query[None], _K, params=parameters)[0][0] for query in queries]
    return _each(lambda query: graph.search(query[None], _K, params=parameters), queries), found


def _what(what: str, way: str, recall: float, taken: list[float]) -> str:
    return f"{what} ({way}), p50; p95 {1e3 * float(np.quantile(taken, 0.95)):.2g} ms, recall@10 {recall:.3f}"


def _twice(what: str, ours: list[float], unfiltered: list[float]) -> Figure:
    ratio = median(ours) / median(unfiltered)
    figure = Figure(what, 1e3 * median(ours), "ms", 1e3 * median(unfiltered), "no filter", ratio)
    return Figure(**{**figure.to_dict(), "wanted": "ratio <= 2", "met": ratio <= 2})


def _share(what: str, recall: float) -> Figure:
    return Figure(what, recall, "", 1.0, "exact search", wanted=f">= {_RECALL}", met=recall >= _RECALL)


def _append(bank: Bank, vectors: Query, start: int) -> None:
    """Texts' vectors: what they are of makes no difference to an index, and texts need no scans."""
    key = FeatureKey("text", EncoderSpec("synthetic", "1", vectors.shape[1], precision="float16"), ViewSpec(()))
    for at in range(0, len(vectors), _BATCH):
        block = vectors[at : at + _BATCH]
        with bank.commit("vectors") as commit:
            commit.append_features(key, block.astype(np.float16), np.arange(start + at, start + at + len(block), dtype=np.int64))
    bank.refresh()


@final
class _Mixture:
    """Vectors around centres, each spread along a few directions of its own."""

    def __init__(self, dim: int, centres: int, local: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._means = self._rng.standard_normal((centres, dim), dtype=np.float32) / np.float32(dim**0.5)
        self._axes = self._rng.standard_normal((centres, local, dim), dtype=np.float32) / np.float32(dim**0.5)

    def draw(self, rows: int) -> Query:
        """(rows, dim) float32."""
        return np.concatenate(list(self._blocks(rows))) if rows else self._means[:0]

    def _blocks(self, rows: int) -> Iterator[Query]:
        local = self._axes.shape[1]
        for start in range(0, rows, 1000):
            owners = self._rng.integers(0, len(self._means), min(1000, rows - start))
            weights = self._rng.standard_normal((len(owners), 1, local), dtype=np.float32) * np.float32(_SPREAD / local**0.5)
            drawn: Any = self._means[owners] + (weights @ self._axes[owners])[:, 0]
            yield drawn
