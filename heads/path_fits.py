"""Logistic regressions of many supports, each with the penalty that ranks best, all at once.

Every (support, penalty, fold) of a call is one fit among many: supports of few rows by `dual` in batches of equal size, from the strongest
penalty on and each penalty from where the last one ended; supports of more rows than dimensions by `primal`, all penalties, folds and
findings on the same rows together. float64. What is found for a support does not depend on the supports beside it, to the bit on a CPU.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
import torch

from ..store.errors import UsageError
from .auroc import aurocs
from .class_weights import ClassWeight, row_weights
from .dual import DualFits, dual_fits
from .folds import patient_folds, row_keys
from .primal import Rows, primal_fits
from .products import decision_values
from .support import Support
from .threads import one_thread, processors
from .vectors import Floats, Ints

ChosenBy = Literal["tuning", "cross-validation", "fixed"]

GRADIENT = 1e-6
"""The largest gradient of the mean loss at which a fit counts as converged."""
_TOLERANCE = 1e-9
"""At which it ends: Newton's last step brings far less."""
_DUAL_ROWS = 512
_ROOM, _ROOM_GPU = 1 << 20, 1 << 25
"""Numbers in the largest array of a batch; few on a CPU, whose cache they should stay in."""
_COLUMNS = 32
"""Fits on the same rows at once, always as many, so that a product adds in the same order."""
_SCORES = 1 << 21
"""Decision values of tuning rows held at once by a thread: 16 MiB."""


@final
@dataclass(frozen=True)
class PathSettings:
    """What penalties there are and who chooses."""

    path: tuple[float, ...]
    """C, the weight of the losses against the penalty, ascending."""
    fixed: float
    """C where nothing can choose."""
    folds: int
    class_weight: ClassWeight = None


@final
@dataclass(frozen=True)
class PathFits:
    """F fits."""

    coefficients: Floats
    """(F, D)."""
    intercepts: Floats
    """(F,)."""
    C: Floats
    """(F,)."""
    chosen_by: tuple[ChosenBy, ...]


@final
@dataclass(frozen=True)
class _Plan:
    """A support, and how its penalty is chosen."""

    number: int
    support: Support
    by: ChosenBy
    folds: Ints | None
    weights: Floats
    """(n,) of the rows' losses."""

    def training(self, fold: int) -> Ints:
        assert self.folds is not None
        return np.flatnonzero(self.folds != fold)


def path_fits(U: Floats, supports: Sequence[Support], settings: PathSettings, device: str) -> PathFits:
    """Fit each support at the penalty that it chooses.

    On `Support.tuning`, where that holds both classes, and otherwise by cross-validation, where each class has as many patients as there
    are folds (mean over folds): by AUROC, and the stronger penalty of equals. Where neither is there, `settings.fixed`.

    Args:
        U: (N, D) unit vectors.
        supports: with both classes in each.
        settings: the path.
        device: torch's name.

    Raises:
        UsageError: a fit did not converge; the message names it.
    """
    alone = [support.rows for support in supports if not _tunes(support)]
    keys = dict[int, int]()
    if alone:
        used = np.unique(np.concatenate(alone))
        keys = dict(zip(used.tolist(), row_keys(U[used]).tolist(), strict=True))
    plans = [_plan(number, support, keys, settings) for number, support in enumerate(supports)]
    found = PathFits(np.empty((len(plans), U.shape[1])), np.empty(len(plans)), np.empty(len(plans)), tuple(p.by for p in plans))
    groups: dict[Hashable, list[_Plan]] = defaultdict(list)
    for plan in plans:
        rows = plan.support.rows
        many = len(rows) > min(_DUAL_ROWS, U.shape[1])
        groups[rows.tobytes() if many else (len(rows), plan.by)].append(plan)
    tasks = []
    for group in groups.values():
        n = len(group[0].support.rows)
        many = n > min(_DUAL_ROWS, U.shape[1])
        tasks += [(_of_many_rows, group)] if many else [(_of_few_rows, part) for part in _parts(group, n, device)]
    tasks.sort(key=lambda task: -len(task[1][0].support.rows))  # the longest first
    with one_thread(), ThreadPoolExecutor(processors() if device == "cpu" else 1) as workers:
        for done in [workers.submit(solve, U, part, settings, device, found) for solve, part in tasks]:
            done.result()
    return found


def _tunes(support: Support) -> bool:
    return support.tuning is not None and bool(0 < support.tuning.y.sum() < len(support.tuning.y))


def _plan(number: int, support: Support, keys: dict[int, int], settings: PathSettings) -> _Plan:
    weights = row_weights(settings.class_weight, np.arange(2), support.y)
    if _tunes(support):
        return _Plan(number, support, "tuning", None, weights)
    own = np.array([keys[row] for row in support.rows.tolist()])
    folds = patient_folds(own, support.y, support.patients, settings.folds)
    return _Plan(number, support, "fixed" if folds is None else "cross-validation", folds, weights)


def _parts(group: Sequence, n: int, device: str) -> Iterator[Sequence]:
    """Batches of fits of n rows."""
    most = (_ROOM if device == "cpu" else _ROOM_GPU) // n**2
    step = max(16, most // 16 * 16)
    for start in range(0, len(group), step):
        yield group[start : start + step]


def _of_few_rows(U: Floats, plans: Sequence[_Plan], settings: PathSettings, device: str, found: PathFits) -> None:
    S = _tensor(U[np.stack([p.support.rows for p in plans])], device)
    K = torch.bmm(S, S.transpose(1, 2))
    y, weight = _tensor(np.stack([p.support.y for p in plans]), device), _tensor(np.stack([p.weights for p in plans]), device)
    numbers = [p.number for p in plans]
    names = [f"support {p.number}" for p in plans]
    if plans[0].by == "tuning":
        fits = _path(K, y, weight, settings.path, names, _TOLERANCE)
        a = torch.stack([fit.weights for fit in fits], 1)
        coefficients = torch.bmm(a, S).cpu().numpy()
        place = _best_on_tuning(U, plans, coefficients)
        fit = np.arange(len(plans))
        found.coefficients[numbers] = coefficients[fit, place]
        found.intercepts[numbers] = torch.stack([one.intercepts for one in fits], 1).cpu().numpy()[fit, place]
        found.C[numbers] = np.array(settings.path)[place]
        return
    C = np.full(len(plans), settings.fixed)
    if plans[0].by == "cross-validation":
        C = np.array(settings.path)[_best_in_folds(K, plans, settings, device)]
    last = dual_fits(K, y, _tensor(C, device), weight=weight, tolerance=_TOLERANCE)
    _check(last.gradients, last.steps, [f"{name} at C={c:g}" for name, c in zip(names, C, strict=True)])
    found.coefficients[numbers] = torch.bmm(last.weights[:, None], S)[:, 0].cpu().numpy()
    found.intercepts[numbers] = last.intercepts.cpu().numpy()
    found.C[numbers] = C


def _path(
    K: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, path: Sequence[float], names: Sequence[str], tolerance: float
) -> list[DualFits]:
    """A fit for each penalty, each begun where the line through the last two, over log C, leads."""
    fits: list[DualFits] = []
    for place, c in enumerate(path):
        start = fits[-1] if fits else None
        if len(fits) > 1:
            ahead = math.log(c / path[place - 1]) / math.log(path[place - 1] / path[place - 2])
            start = replace(
                fits[-1],
                weights=fits[-1].weights + ahead * (fits[-1].weights - fits[-2].weights),
                intercepts=fits[-1].intercepts + ahead * (fits[-1].intercepts - fits[-2].intercepts),
            )
        elif fits:
            start = replace(fits[0], weights=fits[0].weights * (c / path[0]))  # under a strong penalty they grow as C does
        fits.append(dual_fits(K, y, torch.full_like(y[:, 0], c), weight=weight, start=start, tolerance=tolerance))
        _check(fits[-1].gradients, fits[-1].steps, [f"{name} at C={c:g}" for name in names])
    return fits


def _best_in_folds(K: torch.Tensor, plans: Sequence[_Plan], settings: PathSettings, device: str) -> Ints:
    """(F,): the place on the path with the best mean AUROC of what is held out."""
    n = K.shape[1]
    values = np.empty((len(plans), len(settings.path), settings.folds))
    sizes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, plan in enumerate(plans):
        for fold in range(settings.folds):
            sizes[len(plan.training(fold))].append((place, fold))
    for size, pairs in sizes.items():
        for part in _parts(pairs, n, device):
            place = np.array([p for p, _ in part])
            train = np.stack([plans[p].training(fold) for p, fold in part])
            held = np.stack([np.setdiff1d(np.arange(n), rows, assume_unique=True) for rows in train])
            codes = np.stack([plans[p].support.y for p in place])
            y = np.take_along_axis(codes, train, 1)
            weight = np.stack([row_weights(settings.class_weight, np.arange(2), row) for row in y])
            at, to, out = (torch.from_numpy(one).to(device) for one in (place, train, held))
            inner = K[at[:, None, None], to[:, :, None], to[:, None, :]]
            across = K[at[:, None, None], out[:, :, None], to[:, None, :]]
            names = [f"support {plans[p].number}, fold {fold}, of {size} rows," for p, fold in part]
            fits = _path(inner, _tensor(y, device), _tensor(weight, device), settings.path, names, GRADIENT)
            scores = torch.bmm(across, torch.stack([fit.weights for fit in fits], 2)).cpu().numpy()
            labels = np.take_along_axis(codes, held, 1)
            for step in range(len(fits)):
                values[place, step, [fold for _, fold in part]] = aurocs(labels, np.ascontiguousarray(scores[:, :, step]))
    return _first_best(values.mean(axis=2))


def _best_on_tuning(U: Floats, plans: Sequence[_Plan], coefficients: Floats) -> Ints:
    """(F,): the place on the path, from `coefficients` (F, L, D), with the best AUROC of the tuning rows."""
    steps, width = coefficients.shape[1:]
    values = np.empty(coefficients.shape[:2])
    same: dict[bytes, list[int]] = defaultdict(list)
    for place, plan in enumerate(plans):
        assert plan.support.tuning is not None
        same[plan.support.tuning.rows.tobytes()].append(place)
    for places in same.values():
        tuning = [one for place in places if (one := plans[place].support.tuning) is not None]
        asked = U[tuning[0].rows]
        step = max(1, _SCORES // (steps * len(asked)))
        for start in range(0, len(places), step):
            part = places[start : start + step]
            # the intercept moves all scores alike and would cost digits
            scores = decision_values(coefficients[part].reshape(-1, width), np.zeros(len(part) * steps), asked)
            labels = np.repeat(np.stack([one.y for one in tuning[start : start + step]]), steps, axis=0)
            values[part] = aurocs(labels, scores).reshape(-1, steps)
    return _first_best(values)


def _first_best(values: Floats) -> Ints:
    """(F,): the first of the best along the last axis; what rounding alone tells apart is equal."""
    return np.argmax(np.round(values, 12), axis=1)


def _of_many_rows(U: Floats, plans: Sequence[_Plan], settings: PathSettings, device: str, found: PathFits) -> None:
    X = U[plans[0].support.rows]
    rows = Rows.of(_tensor(X, device))
    path = np.array(settings.path)
    tuned = [p for p in plans if p.by == "tuning"]
    if tuned:
        fits = [(plan, plan.weights, c, f"support {plan.number} at C={c:g}") for plan in tuned for c in path]
        coefficients, intercepts = _primal(rows, fits, device)
        coefficients = coefficients.reshape(len(tuned), len(path), -1)
        place = _best_on_tuning(U, tuned, coefficients)
        fit, numbers = np.arange(len(tuned)), [p.number for p in tuned]
        found.coefficients[numbers] = coefficients[fit, place]
        found.intercepts[numbers] = intercepts.reshape(len(tuned), -1)[fit, place]
        found.C[numbers] = path[place]
    others = [p for p in plans if p.by != "tuning"]
    if others:
        C = [_best_of_folds_of_many(rows, X, p, settings, device) if p.by == "cross-validation" else settings.fixed for p in others]
        fits = [(p, p.weights, c, f"support {p.number} at C={c:g}") for p, c in zip(others, C, strict=True)]
        numbers = [p.number for p in others]
        found.coefficients[numbers], found.intercepts[numbers] = _primal(rows, fits, device)
        found.C[numbers] = C


def _best_of_folds_of_many(rows: Rows, X: Floats, plan: _Plan, settings: PathSettings, device: str) -> float:
    assert plan.folds is not None
    fits = []
    for fold in range(settings.folds):
        train = plan.training(fold)
        weights = np.zeros(len(X))
        weights[train] = row_weights(settings.class_weight, np.arange(2), plan.support.y[train])
        fits += [(plan, weights, c, f"support {plan.number}, fold {fold}, at C={c:g}") for c in settings.path]
    coefficients, _ = _primal(rows, fits, device)
    steps, values = len(settings.path), np.empty((len(settings.path), settings.folds))
    for fold in range(settings.folds):
        held = plan.folds == fold
        of_fold = slice(fold * steps, (fold + 1) * steps)
        scores = decision_values(coefficients[of_fold], np.zeros(steps), X[held])
        values[:, fold] = aurocs(np.tile(plan.support.y[held], (steps, 1)), scores)
    return settings.path[int(_first_best(values.mean(axis=1)[None])[0])]


def _primal(rows: Rows, fits: Sequence[tuple[_Plan, Floats, float, str]], device: str) -> tuple[Floats, Floats]:
    """Coefficients (F, D) and intercepts (F,), in blocks of `_COLUMNS`, the last filled up with its last fit."""
    coefficients, intercepts = [], []
    for start in range(0, len(fits), _COLUMNS):
        part = list(fits[start : start + _COLUMNS])
        block = [*part, *[part[-1]] * (_COLUMNS - len(part))]
        y, weight = np.stack([plan.support.y for plan, *_ in block], 1), np.stack([weights for _, weights, *_ in block], 1)
        found = primal_fits(
            rows, _tensor(y, device), _tensor(weight, device), _tensor(np.array([c for _, _, c, _ in block]), device), _TOLERANCE
        )
        _check(found.gradients[: len(part)], found.steps, [name for *_, name in part])
        coefficients.append(found.coefficients[: len(part)].cpu().numpy())
        intercepts.append(found.intercepts[: len(part)].cpu().numpy())
    return np.concatenate(coefficients), np.concatenate(intercepts)


def _check(gradients: torch.Tensor, steps: int, names: Sequence[str]) -> None:
    worst = int(torch.argmax(torch.nan_to_num(gradients, nan=torch.inf)))
    if not float(gradients[worst]) <= GRADIENT:
        raise UsageError(
            f"a linear fit did not converge: {names[worst]} has a gradient of {float(gradients[worst]):.1e} after {steps} steps, more than "
            f"{GRADIENT:g}; leave out the largest C, or bring vectors to unit length"
        )


def _tensor(array: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)).to(device)
