"""Filters in SQL: what they keep, and everything else refused in words."""

from __future__ import annotations

import pytest

from scanbank.eval.memory import Memory
from scanbank.eval.scan_filters import kept_scans
from scanbank.store import Bank
from scanbank.store.errors import QueryError, UsageError
from search_banks import catalog


@pytest.fixture
def six(bank: Bank) -> Bank:
    """Scans 0 to 5, spacing 1, 2, 3, 1, 2, 3 mm, women and men by turns; a table calls 1 a woman. 0 to 3 have a dose: 0, 1.5, 3, 4.5."""
    catalog(bank, range(6))
    with bank.commit("attributes") as commit:
        said = [(f"v{i:05d}", "volume", "sex", ("female", "male")[i % 2], "header") for i in range(6)]
        said += [(f"v{i:05d}", "volume", "dose", str(1.5 * i), "table") for i in range(4)]
        said += [
            ("s1", "study", "sex", "female", "table"),
            ("p5", "patient", "plane", "odd", "table"),
            ("v00002", "volume", 'a "b"', "x", "table"),
        ]
        commit.append("attributes", [dict(zip(("item", "level", "name", "value", "source"), one, strict=True)) for one in said])
    bank.refresh()
    return bank


def kept(bank: Bank, where: str, memory: Memory | None = None) -> list[int]:
    """Numbers of the scans."""
    every = bank.sql("SELECT ordinal FROM volumes ORDER BY ordinal").column(0).to_pylist()
    return [every.index(ordinal) for ordinal in kept_scans(bank, where, memory or Memory()).tolist()]


KEPT: list[tuple[str, list[int]]] = [
    ("sex = 'F' AND spacing_z_mm <= 3", [0, 1, 2, 4]),
    ("sex = 'female'", [0, 1, 2, 4]),  # what the table says goes before the header
    ("'W' = sex", [0, 1, 2, 4]),
    ("SEX IN ('M', 'other')", [3, 5]),
    ("sex <> 'f'", [3, 5]),
    ("sex LIKE 'fem%' AND NOT spacing_z_mm BETWEEN 2 AND 3", [0]),
    ("dose > 1", [1, 2, 3]),  # of numbers alone, so a column of numbers: no scan without one is kept
    ("NOT dose > 1", [0]),
    ("dose IS NULL", [4, 5]),
    ("attribute_plane = 'odd' AND plane = 'axial'", [5]),
    ('"a ""b""" = \'x\'', [2]),
    ("list_contains(flags, 'gap') IS NULL", [0, 1, 2, 3, 4, 5]),
    ("CASE WHEN slices = 4 THEN spacing_z_mm::INT % 2 = 0 END -- comments are not run", [1, 4]),
    ("is_primary AND length(upper(sex)) = 4", [3, 5]),
    ("false", []),
    ("(" * 500 + "sex = 'M'" + ")" * 500, [3, 5]),
]
"""Conditions, and the scans that they keep."""


def test_what_conditions_keep(six: Bank) -> None:
    memory = Memory()
    assert [(where, kept(six, where, memory)) for where, _ in KEPT] == KEPT


REFUSED = [
    ("", "is empty"),
    ("sex = 'F' OR", "no SQL expression .syntax error at character"),
    ("sex = 'F'; SELECT 1", "2 statements"),
    ("sex = 'F', true", "2 expressions"),
    ("sex = 'F' AS x", "gives its expression a name"),
    ("sex = 'F' FROM volumes", "more than an expression"),
    ("true ORDER BY 1", "more than an expression"),
    ("true UNION SELECT true", "more than an expression"),
    ("true) FROM volumes --", "syntax error"),
    ("true /*", "syntax error"),
    ("ordinal IN (SELECT ordinal FROM volumes)", "holds a subquery"),
    ("EXISTS (FROM patients)", "holds a subquery"),
    ("'x' = ANY(flags)", "holds a subquery"),
    ("*", "holds a star"),
    ("COLUMNS('s.*') = 1", "holds a star"),
    ("count(*) > 1", "function of a filter 'count_star' is unknown"),
    ("max(slices) > 1", "function of a filter 'max' is unknown"),
    ("row_number() OVER () = 1", "holds a window function"),
    ("read_text('/etc/passwd') = ''", "function of a filter 'read_text' is unknown"),
    ("getenv('HOME') = ''", "function of a filter 'getenv' is unknown"),
    ("random() > 0.5", "function of a filter 'random' is unknown"),
    ("repeat('x', 1000000000) = ''", "function of a filter 'repeat' is unknown"),
    ("unnest(flags) = 'x'", "function of a filter 'unnest' is unknown"),
    ("main.lower(sex) = 'female'", "function of a filter"),
    ("$1 = 2", "holds a parameter"),
    ("sxe = 'F'", "column of a filter 'sxe' is unknown; did you mean 'sex'"),
    ('sex = "F"', "column of a filter 'F' is unknown.*single quotes"),
    ("patients.patient = 'x'", "column of a filter 'patients.patient' is unknown"),
    ("sex", "gives values of type string"),
    ("slices + 1", "gives values of type"),
    ("NULL", "gives values of type null"),
    ("dose = 'much'", "a text is compared with a number"),
    ("lower(slices, 2) = 'x'", "of a type that it does not take"),
    ("sex::volumes = 'x'", "does not fit the columns"),
    ("[" * 900 + "]" * 900, "nested too deeply"),
    ("x" * 2001, "2001 characters; expected at most 2000"),
    ("sex = '\x00'", "control characters"),
    ("sex = '\udc80'", "no UTF-8"),
]
"""What is no condition on one scan, and why."""


def test_what_is_no_condition_on_a_scan_is_refused(six: Bank) -> None:
    memory = Memory()
    for where, pattern in REFUSED:
        with pytest.raises(UsageError, match=pattern) as refused:
            kept(six, where, memory)
        assert not isinstance(refused.value, QueryError), where
        assert "SELECT" not in str(refused.value), where
    assert kept(six, "sex = 'M'", memory) == [3, 5]


def test_a_filter_is_worked_out_once_a_snapshot(six: Bank) -> None:
    memory = Memory()
    first = kept_scans(six, "sex = 'F'", memory)
    assert kept_scans(six, " sex  =  'female' -- the same", memory) is first
    catalog(six, [9], volume="v9")
    assert len(kept_scans(six, "sex IS NULL", memory)) == 1
    assert kept_scans(six, "sex = 'F'", memory) is not first


def test_a_bank_without_scans_keeps_none(bank: Bank) -> None:
    assert kept_scans(bank, "slices > 3", Memory()).tolist() == []


def test_what_is_remembered_is_bounded(bank: Bank) -> None:
    memory, made = Memory(), list[int]()
    for key in [*range(100), *range(100)]:
        memory.get(bank, key, lambda key=key: made.append(key))
    assert made == [*range(100), *range(100)]  # the oldest are gone
    memory.get(bank, 99, lambda: made.append(-1))
    assert made[-1] == 99
