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
    return [*_queries(bank, queries, sizes), *_additions(bank, mixture, sizes)]


def _queries(bank: Bank, queries: Query, sizes: Sizes) -> list[Figure]:
    """Exact ones, then those of a graph, with and without filters."""
    rows, dim = sizes.indexed
    exact = _index(bank, "exact")
    found = _beside_faiss(exact, queries[: 1 + 2 * sizes.repeats])
    what = f"one query over {rows} x {dim} vectors"
    figures = [rate(f"{what}, exact", 1, "queries/s", found["ours"], found["faiss"], "faiss IndexFlatIP", round(1 / 1.1, 3))]
    filters = {f"keeps {share:.0%}": np.flatnonzero(np.random.default_rng(sizes.seed).random(rows) < share) for share in (0.1, 0.01)}
    truth = {"": _truth(exact, queries, None)} | {name: _truth(exact, queries, kept) for name, kept in filters.items()}
    peer = found["faiss"]
    del exact
    graph = _index(bank, "hnsw")
    taken, recall, way = _measured(graph, queries, truth[""], None, "")
    figures.append(bounded(_what(f"{what}, hnsw", way, recall, taken), taken, "ms", 5.0, peer, "faiss IndexFlatIP"))
    figures.append(_share("recall@10 of it", recall, _plain_recall(graph, queries, truth[""]), "faiss IndexHNSWFlat, efSearch 64"))
    for name, kept in filters.items():
        found, recall, way = _measured(graph, queries, truth[name], kept, name)
        figures.append(_twice(_what(f"{what}, hnsw, a filter {name}", way, recall, found), found, taken))
        figures.append(_share(f"recall@10 of it, a filter {name}", recall, _RECALL, "wanted"))
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


def _additions(bank: Bank, mixture: _Mixture, sizes: Sizes) -> list[Figure]:
    """Vectors more, by the whole of what `scanbank index` does: reading, adding, measuring recall, writing."""
    figures: list[Figure] = []
    rows = sizes.indexed[0]
    for kind in ("hnsw", "ivfpq"):
        _index(bank, "exact")  # so that the other is made as a whole
        built = timed(lambda kind=kind: _index(bank, kind))
        _append(bank, mixture.draw(sizes.added), rows)
        rows += sizes.added
        added = timed(lambda kind=kind: _index(bank, kind))
        what = f"adding {sizes.added} vectors to an index of {sizes.indexed[0]}, {kind}"
        ratio = added / built
        figures.append(Figure(what, added, "s", built, "making it", ratio, wanted="ratio < 0.02", met=ratio < 0.02))
    return figures


def _index(bank: Bank, kind: str) -> Searcher:
    """As a search finds it."""
    bank.refresh()
    return Searcher(build_index(bank, bank.feature_sets[0], kind=kind, recall=_RECALL))


def _measured(
    searcher: Searcher, queries: Query, truth: NDArray[np.float32], kept: NDArray[np.int64] | None, name: str
) -> tuple[list[float], float, str]:
    """Seconds of each query, recall, and the way. A filter was asked for twice before: what it keeps, and how it is searched, is known."""

    def ask(query: Query) -> Found:
        among = kept
        return searcher.search(query, _K) if among is None else searcher.search(query, _K, lambda: among, name=name)

    for query in (*queries[:2], *queries):
        ask(query)
    taken = _each(ask, queries)
    answers = [ask(query) for query in queries]
    plan = answers[0].plan
    return taken, _recall([answer.scores for answer in answers], truth), f"{plan.way} {plan.width}"


def _each(job: Callable[[Query], object], queries: Query) -> list[float]:
    return [timed(lambda query=query: job(query)) for query in queries]


def _truth(exact: Searcher, queries: Query, kept: NDArray[np.int64] | None) -> NDArray[np.float32]:
    """(Q, K) scores of the best."""
    rows = None if kept is None else exact.index.subset(kept).rows
    return exact.index.vectors.best(queries, _K, rows)[0]


def _recall(found: list[NDArray[np.float32]], truth: NDArray[np.float32]) -> float:
    """Of the best, what was found; what is as near as the last of them is as right."""
    return float(np.mean([np.count_nonzero(scores >= best[-1] - 1e-6) / _K for scores, best in zip(found, truth, strict=True)]))


def _plain_recall(searcher: Searcher, queries: Query, truth: NDArray[np.float32]) -> float:
    untyped: Any = faiss
    parameters = untyped.SearchParametersHNSW(efSearch=64)
    return _recall([searcher.index.graph.search(query[None], _K, params=parameters)[0][0] for query in queries], truth)


def _what(what: str, way: str, recall: float, taken: list[float]) -> str:
    return f"{what} ({way}), p50; p95 {1e3 * float(np.quantile(taken, 0.95)):.2g} ms, recall@10 {recall:.3f}"


def _twice(what: str, ours: list[float], unfiltered: list[float]) -> Figure:
    ratio = median(ours) / median(unfiltered)
    figure = Figure(what, 1e3 * median(ours), "ms", 1e3 * median(unfiltered), "no filter", ratio)
    return Figure(**{**figure.to_dict(), "wanted": "ratio <= 2", "met": ratio <= 2})


def _share(what: str, recall: float, peer: float, peer_name: str) -> Figure:
    return Figure(what, recall, "", peer, peer_name, wanted=f">= {_RECALL}", met=recall >= _RECALL)


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
