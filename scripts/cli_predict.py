"""The command `scanbank predict`: a saved head on the scans of a bank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import At, BankPath, Format, Json
from .output import complain, print_json, print_table, say

if TYPE_CHECKING:
    from ..eval.applying import Applied
    from ..heads import FittedHead

_FORMATS = {".parquet": Format.parquet, ".csv": Format.csv}


def predict(
    bank: BankPath,
    head: Annotated[
        Path,
        typer.Option("--head", metavar="FOLDER", help="A head that `probe --save` wrote, or a folder that holds one.", show_default=False),
    ],
    features: Annotated[
        str, typer.Option("--features", help="The feature set by name; by default the one that the head was fitted on.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", "--output", metavar="FILE", help="Write the table: .parquet or .csv.", show_default=False)
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Score every item of a bank with a saved head: decision value, probability, and whether it is called at the head's threshold."""
    from ..eval.applying import apply_head
    from ..heads import FittedHead
    from ..store import Bank
    from .target import check_target

    if out is not None:
        check_target("--out", out, *_FORMATS)
    loaded = FittedHead.load(_folder(head))
    found = apply_head(Bank.open(bank, at=at), loaded, features)
    rows = _rows(found)
    if out is not None:
        _write(out, rows)
    if json:
        said = {"head": dict(loaded.card), "features": found.features, "unit": found.unit, "without_vectors": found.without}
        print_json(said | ({"out": str(out), "rows": len(found.items)} if out is not None else {"items": _as_dicts(rows)}))
        return
    _tell(loaded, found)
    if out is None:
        print_table(tuple(rows), list(zip(*rows.values(), strict=True)))
    else:
        say(f"{len(found.items)} rows in {out}")


def _folder(head: Path) -> Path:
    """The folder of one head: as given, of a file in it, or the only one within."""
    from ..heads.fitted import ARRAYS, CARD
    from ..store.errors import UsageError

    if head.is_file() and head.name in (ARRAYS, CARD):
        return head.parent
    if head.is_dir() and not (head / CARD).exists() and (within := sorted(path.parent for path in head.glob(f"*/{CARD}"))):
        if len(within) > 1:
            raise UsageError(f"--head {head}: it holds {len(within)} heads; name one of {', '.join(str(one) for one in within)}")
        return within[0]
    return head


def _rows(found: Applied) -> dict[str, list[Any]]:
    """Columns of the table, by name."""
    called = [None] * len(found.items) if found.called is None else found.called.tolist()
    return {
        "item": list(found.items),
        "patient": found.patients.tolist(),
        "score": found.scores.tolist(),
        "probability": found.probabilities.tolist(),
        "called": called,
    }


def _as_dicts(rows: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]


def _write(out: Path, rows: dict[str, list[Any]]) -> None:
    import pyarrow as pa

    from .answers import encoded
    from .target import save

    kinds = pa.schema(
        [("item", pa.string()), ("patient", pa.string()), ("score", pa.float64()), ("probability", pa.float64()), ("called", pa.bool_())]
    )
    table = pa.table(rows, schema=kinds)
    save(out, encoded(table.to_reader(), _FORMATS[out.suffix.lower()]))


def _tell(head: FittedHead, found: Applied) -> None:
    card = head.card
    what = f"{card.get('head', 'head')} for {card['finding']}" if "finding" in card else "head"
    cut = card.get("threshold")
    rule = f", called at {cut['value']:.6g} ({cut['rule']})" if isinstance(cut, dict) and {"value", "rule"} <= set(cut) else ""
    say(f"{what} on {found.features}, {len(found.items)} {found.unit}s{rule}")
    if found.called is None:
        complain(f"note: the head has no threshold, so nothing is called{': ' + str(card['lacking']) if card.get('lacking') else ''}")
    if found.without:
        complain(f"note: {found.without} {found.unit}s have no vectors in {found.features} and are left out")
