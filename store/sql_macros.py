"""Functions that scanbank adds to SQL: `auroc(y, score)` and `average_precision(y, score)`, aggregates like `avg`.

Both walk once down the list of (score, y), highest score first, and close a step wherever the score falls, so that equal scores count as
one step: the trapezoids under the ROC (ties count half), and the mean of precision over the recall gained, as scikit-learn has them.
"""

from __future__ import annotations

# The walk is a fold over one list, whose entries and accumulator have one type:
#   s, p, n   the score, present and absent so far (of an entry: its own)
#   p0, n0    present and absent before the step of this score
#   area      under the ROC, in pairs; ap: precision times the present gained; both up to the last step that was closed
# A last entry without a score closes the last step.
_STEP = """{'s': %s, 'p': %s, 'n': %s, 'p0': 0::DOUBLE, 'n0': 0::DOUBLE, 'area': 0::DOUBLE, 'ap': 0::DOUBLE}"""
_ENTRY = _STEP % ("score::DOUBLE", "(y = 1)::INT::DOUBLE", "(y = 0)::INT::DOUBLE")
_END = _STEP % ("NULL::DOUBLE", "0::DOUBLE", "0::DOUBLE")

MACROS = (
    f"""CREATE MACRO scanbank_steps(y, score) AS list_reduce(
        list_append(coalesce(list({_ENTRY} ORDER BY score DESC)
            FILTER (y IN (0, 1) AND score IS NOT NULL AND NOT isnan(score::DOUBLE)), []), {_END}),
        lambda a, x: CASE WHEN a.s = x.s
            THEN {{'s': x.s, 'p': a.p + x.p, 'n': a.n + x.n, 'p0': a.p0, 'n0': a.n0, 'area': a.area, 'ap': a.ap}}
            ELSE {{'s': x.s, 'p': a.p + x.p, 'n': a.n + x.n, 'p0': a.p, 'n0': a.n,
                'area': a.area + (a.n - a.n0) * (a.p + a.p0) / 2,
                'ap': a.ap + CASE WHEN a.p > a.p0 THEN (a.p - a.p0) * a.p / (a.p + a.n) ELSE 0 END}} END)""",
    "CREATE MACRO scanbank_auroc(w) AS CASE WHEN w.p > 0 AND w.n > 0 THEN w.area / (w.p * w.n) END",
    "CREATE MACRO scanbank_ap(w) AS CASE WHEN w.p > 0 AND w.n > 0 THEN w.ap / w.p END",
    "CREATE MACRO auroc(y, score) AS scanbank_auroc(scanbank_steps(y, score))",
    "CREATE MACRO average_precision(y, score) AS scanbank_ap(scanbank_steps(y, score))",
)
"""Statements that make them. NULL where one class only is there; rows whose y is neither 0 nor 1, or without a score, do not count."""
