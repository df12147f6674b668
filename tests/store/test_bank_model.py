"""A bank beside a dictionary that says what it should say, through any order of commits, failures, compactions and reopenings."""

from __future__ import annotations

import contextlib
import copy
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.compact import compact
from scanbank.store.feature_rows import FeatureRows
from scanbank.store.renumber import renumber

VIEW = ViewSpec((Window(0, 80),))
SETS = {
    "slices": FeatureKey("slice", EncoderSpec("flat", "1", 3), VIEW),
    "halves": FeatureKey("slice", EncoderSpec("half", "1", 4, precision="float16"), VIEW),
    "volumes": FeatureKey("volume", EncoderSpec("toy", "1", 5), VIEW),
    "depths": FeatureKey("depth", EncoderSpec("toy", "1", 2), VIEW),
}
STATUSES = ("present", "absent", "uncertain", "unmentioned")


@dataclass
class Model:
    """What the bank should say."""

    volumes: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Ordinals: of the volume, then of its slices."""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    vectors: dict[str, dict[int, list[list[float]]]] = field(default_factory=dict[str, dict[int, list[list[float]]]])
    """By set and ordinal: a row of numbers; for vectors along depth one for each step that is no padding."""
    aliases: dict[str, str] = field(default_factory=dict[str, str])

    def says(self) -> dict[str, Any]:
        live = {ordinal for ordinals in self.volumes.values() for ordinal in ordinals}
        held = {name: {o: v for o, v in rows.items() if o in live} for name, rows in self.vectors.items()}
        return {"volumes": self.volumes, "labels": self.labels, "vectors": held, "aliases": self.aliases}


def said(bank: Bank) -> dict[str, Any]:
    """The same of the bank, by SQL and by arrays."""
    volumes = {row["volume"]: [row["ordinal"]] for row in bank.sql("SELECT volume, ordinal FROM volumes ORDER BY volume").to_pylist()}
    for row in bank.sql('SELECT volume, ordinal FROM slices ORDER BY volume, "index"').to_pylist():
        volumes[row["volume"]].append(row["ordinal"])
    live = {ordinal for ordinals in volumes.values() for ordinal in ordinals}
    names = {key.digest: name for name, key in SETS.items()}
    vectors: dict[str, dict[int, list[list[float]]]] = {}
    for one in bank.feature_sets:
        items = one.items()
        assert len(np.unique(items)) == len(items) == one.rows
        assert len(one.vectors()) == len(items)
        wanted = np.array(sorted(set(items.tolist()) & live), dtype=np.int64)[::-1]
        rows = one.rows_of(wanted)
        steps = [row[mask] for row, mask in zip(rows.vector, rows.mask, strict=True)] if rows.mask is not None else rows.vector[:, None]
        vectors[names[one.digest]] = {ordinal: step.tolist() for ordinal, step in zip(wanted.tolist(), steps, strict=True)}
    labels = {row["item"]: row["status"] for row in bank.sql("SELECT item, status FROM labels").to_pylist()}
    aliases = {alias: names[digest] for alias, digest in bank.aliases.items()}
    return {"volumes": volumes, "labels": labels, "vectors": vectors, "aliases": aliases}


class _Stop(Exception):  # noqa: N818 - no error, a way out of a commit
    pass


class BankMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.held = contextlib.ExitStack()
        self.folder = Path(self.held.enter_context(tempfile.TemporaryDirectory()))
        self.model = Model()
        self.history: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, str] = {}
        self.tags_ever = self.number = 0

    @initialize()
    def create(self) -> None:
        self.bank = Bank.create(self.folder / "bank", key_file=self.folder / "key")
        self.other = Bank.open(self.bank.path)
        self.other_says = copy.deepcopy(self.model.says())
        self.note()

    def teardown(self) -> None:
        self.held.close()

    def note(self) -> None:
        """What the newest snapshot says is what it must say for as long as it can be read."""
        self.bank.refresh()
        self.history[self.bank.snapshot.id] = copy.deepcopy(self.model.says())

    def unique(self) -> float:
        """A number that float16 holds and that comes once in 2,000 times."""
        self.number += 1
        return float(self.number % 2048)

    def rows_for(self, name: str, ordinals: list[int], steps: int) -> tuple[FeatureRows, dict[int, list[list[float]]]]:
        dim, depth = SETS[name].encoder.dim, name == "depths"
        said = {o: [[self.unique() for _ in range(dim)] for _ in range(steps if depth else 1)] for o in ordinals}
        values = np.array(list(said.values()), dtype=np.float32)
        if not depth:
            return FeatureRows(values[:, 0]), said
        shape = values.shape[:2]
        return FeatureRows(values, np.zeros(shape, np.float32), np.ones(shape, bool)), said

    def lacking(self, name: str) -> list[int]:
        of_slices = SETS[name].kind == "slice"
        there = self.model.vectors.get(name, {})
        chosen = (ordinals[1:] if of_slices else ordinals[:1] for ordinals in self.model.volumes.values())
        return [ordinal for ordinals in chosen for ordinal in ordinals if ordinal not in there]

    @rule(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
    def add_volumes(self, sizes: list[int]) -> None:
        with self.bank.commit("volumes") as commit:
            self._add_volumes(commit, sizes)
        self.note()

    def _add_volumes(self, commit: Any, sizes: list[int]) -> None:
        first = commit.reserve(sum(1 + size for size in sizes))
        for size in sizes:
            name, ordinals = f"v{len(self.model.volumes):03d}", list(range(first, first + 1 + size))
            commit.append("volumes", [{"volume": name, "ordinal": first, "slice_ordinal": first + 1, "slices": size, "patient": name}])
            planes = ({"slice": f"{name}.{k}", "volume": name, "index": k, "ordinal": first + 1 + k} for k in range(size))
            commit.append("slices", planes)
            self.model.volumes[name] = ordinals
            first += 1 + size

    @precondition(lambda self: self.model.volumes)
    @rule(pick=st.integers(0, 99), statuses=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=4))
    def label(self, pick: int, statuses: list[str]) -> None:
        names = list(self.model.volumes)
        given = {names[(pick + i) % len(names)]: status for i, status in enumerate(statuses)}
        with self.bank.commit("labels") as commit:
            rows = ({"item": item, "level": "volume", "finding": "f", "source": "s", "status": status} for item, status in given.items())
            commit.append("labels", rows)
        self.model.labels |= given
        self.note()

    @rule(name=st.sampled_from(sorted(SETS)), most=st.integers(1, 9), steps=st.integers(1, 5))
    def append_features(self, name: str, most: int, steps: int) -> None:
        if ordinals := self.lacking(name)[-most:]:
            rows, said = self.rows_for(name, ordinals, steps)
            with self.bank.commit("features") as commit:
                commit.append_features(SETS[name], rows, np.array(ordinals))
            self.model.vectors.setdefault(name, {}).update(said)
            self.note()

    @rule(size=st.integers(1, 3))
    def scans_with_vectors_in_one_commit(self, size: int) -> None:
        with self.bank.commit("all") as commit:
            self._add_volumes(commit, [size])
            for name in ("slices", "volumes"):
                ordinals = self.lacking(name)
                rows, said = self.rows_for(name, ordinals, 1)
                commit.append_features(SETS[name], rows, np.array(ordinals))
                self.model.vectors.setdefault(name, {}).update(said)
        self.note()

    @precondition(lambda self: self.model.volumes)
    @rule(pick=st.integers(0, 99))
    def renumber(self, pick: int) -> None:
        volume = list(self.model.volumes)[pick % len(self.model.volumes)]
        with self.bank.commit("renumber") as commit:
            self.bank.refresh()
            renumber(self.bank, commit, [volume])
        self.bank.refresh()
        new = next(row for row in self.bank.snapshot.rows("volumes") if row["volume"] == volume)["ordinal"]
        old = self.model.volumes[volume]
        assert new > max(o for ordinals in self.model.volumes.values() for o in ordinals)
        self.model.volumes[volume] = list(range(new, new + len(old)))
        self.note()

    @precondition(lambda self: self.model.vectors)
    @rule(name=st.sampled_from(("best", "paper")), pick=st.integers(0, 9))
    def alias(self, name: str, pick: int) -> None:
        features = sorted(self.model.vectors)[pick % len(self.model.vectors)]
        self.bank.alias(name, SETS[features].digest)
        self.model.aliases[name] = features
        self.note()
        assert self.bank.features(name).digest == SETS[features].digest

    @rule(pick=st.integers(0, 99))
    def tag(self, pick: int) -> None:
        at = list(self.history)[-1 - pick % min(3, len(self.history))]
        name, self.tags_ever = f"t{self.tags_ever}", self.tags_ever + 1
        assert self.bank.tag(name, at) == at
        self.tags[name] = at

    @precondition(lambda self: self.tags)
    @rule(pick=st.integers(0, 99))
    def untag(self, pick: int) -> None:
        name = sorted(self.tags)[pick % len(self.tags)]
        self.bank.untag(name)
        del self.tags[name]

    @rule(keep=st.integers(1, 4))
    def compact(self, keep: int) -> None:
        before = list(self.history)
        compact(self.bank, keep=keep, grace=timedelta())
        self.note()
        log = {entry.snapshot for entry in self.bank.log()}
        newest = [name for name in [*before, self.bank.snapshot.id] if name in log]
        assert set(self.tags.values()) <= log
        assert len(log) >= min(keep, len(before))
        assert before[-1] in log or keep == 1
        self.history = {name: self.history[name] for name in dict.fromkeys(newest)}
        live = {o for ordinals in self.model.volumes.values() for o in ordinals}
        assert all(set(one.items().tolist()) <= live for one in self.bank.feature_sets)
        if self.other.snapshot.id not in log:  # as docs/architecture.md says of readers
            self.look_again()

    @rule(name=st.sampled_from(sorted(SETS)))
    def fail(self, name: str) -> None:
        kept = copy.deepcopy(self.model)
        with contextlib.suppress(_Stop), self.bank.commit("fails") as commit:
            self._add_volumes(commit, [2])
            ordinals = self.lacking(name)
            commit.append_features(SETS[name], self.rows_for(name, ordinals, 1)[0], np.array(ordinals))
            raise _Stop
        self.model = kept
        self.bank.refresh()
        assert self.bank.snapshot.id == list(self.history)[-1]

    @rule()
    def reopen(self) -> None:
        self.bank = Bank.open(self.bank.path, key_file=self.folder / "key")

    @rule()
    def swap_handles(self) -> None:
        """What was the reader writes from now on, and the other way round."""
        self.bank, self.other = self.other, self.bank
        self.bank.refresh()
        self.look_again()

    @rule()
    def look_again(self) -> None:
        self.other.refresh()
        self.other_says = copy.deepcopy(self.model.says())

    @rule(pick=st.integers(0, 99))
    def read_an_old_snapshot(self, pick: int) -> None:
        name = list(self.history)[pick % len(self.history)]
        assert said(Bank.open(self.bank.path, at=name)) == self.history[name]

    @precondition(lambda self: self.tags)
    @rule(pick=st.integers(0, 99))
    def read_at_a_tag(self, pick: int) -> None:
        tag = sorted(self.tags)[pick % len(self.tags)]
        assert said(Bank.open(self.bank.path, at=tag)) == self.history[self.tags[tag]]

    @invariant()
    def the_newest_is_as_it_should_be(self) -> None:
        if self.history:
            assert said(self.bank) == self.model.says()
            assert self.bank.tags == self.tags

    @invariant()
    def another_handle_sees_what_it_saw(self) -> None:
        if self.history:
            assert said(self.other) == self.other_says


SETTINGS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}


def test_a_bank_is_what_the_model_says() -> None:
    """The same examples at every run; where one fails, it is shown as found, as making it smaller takes many banks."""
    how = settings(max_examples=3, stateful_step_count=15, derandomize=True, phases=(Phase.generate,), **SETTINGS)
    run_state_machine_as_test(BankMachine, settings=how)


@pytest.mark.slow
def test_a_bank_is_what_the_model_says_at_length() -> None:
    run_state_machine_as_test(BankMachine, settings=settings(max_examples=150, stateful_step_count=40, **SETTINGS))
