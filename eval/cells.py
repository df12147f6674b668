"""The fits of a sweep that the bank does not hold, by head and feature set: solved together, measured, and given to the ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from numpy.typing import NDArray

from ..heads import Support
from ..heads.threads import processors
from ..store.digests import spec_digest
from ..store.progress import Progress
from .averaging import average_cell, averaged
from .blocks import Block
from .class_texts import ClassTexts
from .coop import CoOpKind
from .draws import Draw
from .inputs import AnyKind, Input
from .ledger import Ledger, Run
from .measuring import Fits, Measuring, measured
from .quoting import listed
from .study import Study

if TYPE_CHECKING:
    from ..store.bank import Bank

_SCORES = 3 << 21
"""Decision values of a chunk: 50 MB, and as much again where they are measured."""

_SLOW = 8
"""Fits of a chunk, where each takes seconds: what is learned so far is kept if there is an end."""

_MANY_DRAWS = 1000
"""Of all runs: before so many fits, what queries hold is given back; before fewer, opening them again takes longer than it is worth."""

_DRAWS = 8
"""That are averaged over findings at once."""


class How(Protocol):
    """What of a protocol matters here."""

    @property
    def measuring(self) -> Measuring: ...
    @property
    def device(self) -> str: ...
    @property
    def predictions(self) -> bool | None: ...


@final
@dataclass(frozen=True)
class _Wanted:
    """A cell to make."""

    run: int
    draw: Draw
    digest: str

    @property
    def draw_key(self) -> tuple[bool, int, int]:
        """What the findings of one draw have in common, in order."""
        return self.draw.shots is None, self.draw.shots or 0, self.draw.repeat


def fit_missing(
    bank: Bank,
    runs: Sequence[Run],
    average: Run | None,
    inputs: Mapping[str, Sequence[Input]],
    kinds: Sequence[AnyKind],
    how: How,
    texts: ClassTexts,
    ledger: Ledger,
    progress: Progress,
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Make the cells of these runs that the bank does not hold, and those of the averages over them.

    Returns:
        By run, how many were made; and by remark, of how many of them their calibrators say so.
    """
    studies = [run.study for run in runs if run.study is not None]
    held = _held(bank, [*runs, *([average] if average else [])], scored=how.predictions is True)
    if sum(len(run.draws) for run in runs) > _MANY_DRAWS:
        bank.close_queries()  # none is asked for until the next commit
    val, test = ([study.split.side(side) for study in studies] for side in ("val", "test"))
    queries = np.unique(np.concatenate([study.rows[of] for sides in (val, test) for study, of in zip(studies, sides, strict=True)]))
    places = [[np.searchsorted(queries, study.rows[of[n]]) for of in (val, test)] for n, study in enumerate(studies)]
    tunings = [tuning_of(study, of) for study, of in zip(studies, val, strict=True)]
    made, said = Counter[str](), Counter[str]()
    for kind in kinds:
        for features in inputs[kind.name]:
            if kind.needs_texts and texts.of(studies[0].units.finding, features.text) is None:
                continue
            every = _cells(runs, features, kind, how.measuring, texts)
            whole = _averages(every, len(runs)) if average else {}
            groups = _by_draw(every)
            wanted = [cell for key, group in groups.items() for cell in _missing(group, whole.get(key), held)]
            due = {key: digest for key, digest in whole.items() if digest not in held}
            note = f"{features.name} {kind.name}"
            progress.advance(len(every) - len(wanted), note=note)
            for chunk in _chunks(wanted, _SLOW if isinstance(kind, CoOpKind) else max(1, _SCORES // len(queries))):
                supports = [support_of(runs[c.run], studies[c.run], c.draw, tunings[c.run], texts, features) for c in chunk]
                scores = kind.scores(features.value, supports, queries, how.device)
                measure = partial(_measure, runs, features, kind, chunk, scores, places, how.measuring)
                numbers = sorted({cell.run for cell in chunk})
                with ThreadPoolExecutor(processors()) as threads:  # a fit's values do not depend on where they are measured
                    blocks = dict(zip(numbers, threads.map(measure, numbers), strict=True))
                    for number, block in blocks.items():
                        ledger.add(block)
                        made[runs[number].name] += len(block)
                        said.update(block.chances.remarks)
                    for block in _averaged(average, chunk, blocks, due, threads):
                        ledger.add(block)
                del scores, measure, blocks  # before the next chunk's are there beside them
                ledger.commit_if_due()
                progress.advance(len(chunk), note=note)
    return made, said


def _measure(
    runs: Sequence[Run],
    features: Input,
    kind: AnyKind,
    chunk: Sequence[_Wanted],
    scores: NDArray[np.float64],
    places: Sequence[Sequence[NDArray[np.int64]]],
    how: Measuring,
    number: int,
) -> Block:
    """The fits of one run in a chunk; `scores` (fits, queries) are of the whole chunk, `places` of val and test among the queries."""
    run = runs[number]
    mine = np.array([place for place, cell in enumerate(chunk) if cell.run == number])
    tuned, tested = (scores[np.ix_(mine, side)] for side in places[number])
    assert run.study is not None  # only averages have none
    return measured(_fits(run, run.study, features, kind, [chunk[place] for place in mine]), tuned, tested, kind.probabilities, how)


def _missing(group: Sequence[_Wanted], average: str | None, held: set[str]) -> Sequence[_Wanted]:
    """Those cells of one draw that are not held; all, where their average is not."""
    return group if average is not None and average not in held else [cell for cell in group if cell.digest not in held]


def _by_draw(cells: Sequence[_Wanted]) -> Mapping[tuple[bool, int, int], Sequence[_Wanted]]:
    groups: dict[tuple[bool, int, int], list[_Wanted]] = {}
    for cell in cells:
        groups.setdefault(cell.draw_key, []).append(cell)
    return groups


def _averages(cells: Sequence[_Wanted], runs: int) -> Mapping[tuple[bool, int, int], str]:
    """By draw, the cell of the average, where each finding has such a draw."""
    return {key: average_cell([cell.digest for cell in of]) for key, of in _by_draw(cells).items() if len(of) == runs}


def _averaged(
    run: Run | None,
    chunk: Sequence[_Wanted],
    blocks: Mapping[int, Block],
    due: Mapping[tuple[bool, int, int], str],
    threads: ThreadPoolExecutor,
) -> list[Block]:
    keys = [key for key in dict.fromkeys(cell.draw_key for cell in chunk) if key in due]
    if run is None or not keys:
        return []
    of = {number: {key: fit for fit, key in enumerate(cell.draw_key for cell in chunk if cell.run == number)} for number in blocks}

    def average(some: Sequence[tuple[bool, int, int]]) -> list[Block]:
        parts = [block.of([of[number][key] for key in some]) for number, block in blocks.items()]
        return averaged(run, parts, [due[key] for key in some])

    parts = [keys[start : start + _DRAWS] for start in range(0, len(keys), _DRAWS)]
    return [block for some in threads.map(average, parts) for block in some]


def _held(bank: Bank, runs: Sequence[Run], *, scored: bool) -> set[str]:
    """Cells that were measured; `scored`: those alone whose scores of items are kept too, where the run has items."""
    names = listed(sorted({run.name for run in runs}))
    query = f"SELECT DISTINCT cell FROM metrics WHERE run IN {names} AND cell IS NOT NULL"
    if scored:
        studied = listed(sorted({run.name for run in runs if run.study is not None}))
        query += f""" AND (run NOT IN {studied} OR cell IN (
            SELECT cell FROM predictions WHERE run IN {studied} UNION ALL SELECT cell FROM dense_cells WHERE run IN {studied}))"""
    return set(bank.sql(query).column("cell").to_pylist())


def _cells(runs: Sequence[Run], features: Input, kind: AnyKind, measuring: Measuring, texts: ClassTexts) -> list[_Wanted]:
    """Those of a head on a feature set, by shots and repeat, so that the findings of one draw lie together."""
    of = [features.digest, features.name, kind.spec, list(measuring.metrics), measuring.intervals, *sorted(measuring.unusual.items())]
    cells = []
    for number, run in enumerate(runs):
        subgroups = sorted(measuring.subgroups.get(run.name, ()))
        said = texts.told(str(run.settings["finding"])) if kind.needs_texts else None
        shared = spec_digest([run.name, of, subgroups, said])
        if run.study is not None and features.present[run.study.rows].all():
            cells += [_Wanted(number, draw, spec_digest([shared, draw.name, _alone(run, draw)])) for draw in run.draws]
    return sorted(cells, key=lambda cell: (cell.draw_key, cell.run))


def _alone(run: Run, draw: Draw) -> bool:
    return draw.shots is None or run.repeats == 1


def _chunks(cells: Sequence[_Wanted], most: int) -> Iterator[Sequence[_Wanted]]:
    """About `most` at once; findings of one draw are never taken apart."""
    chunk: list[_Wanted] = []
    for group in _by_draw(cells).values():
        if chunk and len(chunk) + len(group) > most:
            yield chunk
            chunk = []
        chunk += group
    if chunk:
        yield chunk


def tuning_of(study: Study, val: NDArray[np.int64]) -> Support | None:
    """What settings may be chosen on; nothing where it holds one class only."""
    y = study.units.y[val]
    return Support(study.rows[val], y) if 0 < y.sum() < len(y) else None


def support_of(run: Run, study: Study, draw: Draw, tuning: Support | None, texts: ClassTexts, features: Input) -> Support:
    rows = draw.support.rows
    _, patients = np.unique(study.units.patients[rows], return_inverse=True)
    seed = int.from_bytes(hashlib.sha256(draw.name.encode()).digest()[:4], "little")
    finding = str(run.settings["finding"])
    told = {"rows": study.rows[rows], "patients": np.asarray(patients, dtype=np.int64)}
    said = {"texts": texts.of(finding, features.text), "words": texts.words(finding), "logit_scale": features.scale}
    return replace(draw.support, **told, **said, tuning=tuning, seed=seed)


def _fits(run: Run, study: Study, features: Input, kind: AnyKind, cells: Sequence[_Wanted]) -> Fits:
    return Fits(
        run.name,
        study,
        features,
        kind.name,
        tuple(cell.draw.shots for cell in cells),
        tuple(cell.draw.repeat for cell in cells),
        tuple(cell.digest for cell in cells),
        tuple(_alone(run, cell.draw) for cell in cells),
    )
