"""The command that makes indexes, as a user sees it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from index_vectors import mixture
from scanbank.scripts.cli import app
from scanbank.store import Bank
from search_banks import Fixed, catalog, put


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["index", *args])


@pytest.fixture
def held(bank: Bank) -> Bank:
    vectors = mixture(2600, 8, 20, 3, 0)
    encoder = Fixed(vectors[0])
    put(bank, encoder, "volume", vectors, catalog(bank, range(2600), slices=1))
    return bank


def test_makes_lists_changes_and_drops(held: Bank) -> None:
    name = str(held.path)
    assert "no indexes" in run(name, "--list").output
    first = json.loads(run(name, "--json").stdout)
    assert [(card["kind"], card["rows"], card["plan"]["recall"], card["current"]) for card in first] == [("exact", 2600, 1.0, True)]
    graph = json.loads(run(name, "--kind", "hnsw", "--json").stdout)[0]
    assert (graph["kind"], graph["settings"]["M"], graph["current"]) == ("hnsw", 32, True)
    assert graph["plan"]["recall"] >= 0.95
    put(held, Fixed(np.ones(8, np.float32)), "volume", np.ones((1, 8), np.float32), catalog(held, [2600]))
    assert json.loads(run(name, "--list", "--json").stdout)[0]["current"] is False
    more = json.loads(run(name, "--kind", "hnsw", "--json").stdout)[0]
    assert (more["rows"], more["built_rows"], more["current"]) == (2601, 2600, True)
    shown = run(name, "--list").output
    assert all(word in shown for word in ("fixed", "hnsw", "2601", "yes"))
    assert "no indexes" in run(name, "--drop").output
    assert not list((held.path / "indexes").iterdir())


def test_says_where_it_finds_less_than_is_asked(bank: Bank) -> None:
    noise = np.random.default_rng(0).standard_normal((2600, 64)).astype(np.float32)
    put(bank, Fixed(noise[0]), "volume", noise, catalog(bank, range(2600), slices=1))
    result = run(str(bank.path), "--kind", "ivfpq", "--recall", "1")
    assert result.exit_code == 1
    assert "less than the 1 that is asked" in result.output


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("--recall", "0"), "recall 0.0: expected"), (("--recall", "nan"), "recall nan"), (("--features", "other"), "'other' is unknown")],
)
def test_what_cannot_be_is_told(held: Bank, options: tuple[str, ...], expected: str) -> None:
    result = run(str(held.path), *options)
    assert result.exit_code == 2
    assert expected in result.output


def test_too_few_to_compress(bank: Bank) -> None:
    put(bank, Fixed(np.ones(3, np.float32)), "volume", np.eye(3, dtype=np.float32), catalog(bank, range(3)))
    result = run(str(bank.path), "--kind", "ivfpq")
    assert result.exit_code == 2
    assert "256 vectors or more; there are 3" in result.output
