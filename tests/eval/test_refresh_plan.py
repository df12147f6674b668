"""What a refresh embeds together: views of the same scans in one go, others on their own."""

from __future__ import annotations

from scanbank.embed.wanted import Outputs
from scanbank.eval.refresh_plan import Part
from scanbank.store import ViewSpec, Window


def part(scans: range, *, depth: bool = True) -> Part:
    return Part((ViewSpec((Window(0, 80),)),), Outputs(depth=depth), frozenset(map(str, scans)))


def test_a_scan_that_failed_under_one_view_makes_no_second_run() -> None:
    assert part(range(100)).goes_with(part(range(95)))
    assert part(range(95)).goes_with(part(range(100)))
    assert not part(range(100)).goes_with(part(range(94)))
    assert not part(range(100)).goes_with(part(range(50, 150)))
    assert not part(range(100)).goes_with(part(range(100), depth=False))
