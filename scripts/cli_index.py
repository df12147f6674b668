"""The command `scanbank index`: makes what searches of many vectors need, brings it up to date, and says how well it finds."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import BankPath, Json, listed
from .output import complain, print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..eval.indexes import IndexCard
    from ..store import Bank, FeatureSet


class Kind(StrEnum):
    """Of an index."""

    auto = "auto"
    exact = "exact"
    hnsw = "hnsw"
    ivfpq = "ivfpq"


def index(
    bank: BankPath,
    features: Annotated[
        list[str] | None,
        typer.Option(
            help="Feature set to index, by default all of volumes; with /mean behind a set of slices, that of volumes.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(
            help="exact compares all; hnsw is a graph; ivfpq compresses; auto is what is there, or exact up to a million vectors."
        ),
    ] = Kind.auto,
    recall: Annotated[
        float | None,
        typer.Option(help="Share of the ten nearest that hnsw and ivfpq must find; 0.95 if none was asked before.", show_default=False),
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the indexes instead.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Say which indexes there are, and make none.")] = False,
    json: Json = False,
) -> None:
    """Make indexes of feature sets, or bring them up to date, and list them. Exit codes: 0, or 1 where one finds less than is asked."""
    from ..eval.indexes import build_index, cards, drop_index
    from ..store import Bank
    from ..store.repository import told

    opened = Bank.open(bank)
    if not only_list:
        for one, pooling in _chosen(opened, listed(features)):
            if drop:
                with told(f"removing an index of {opened.name}"):
                    drop_index(opened, one, pooling)
                continue
            with progress(not json) as listener:
                build_index(opened, one, pooling, kind=kind.value, recall=recall, progress=listener)
    found = cards(opened)
    if json:
        print_json([_told(card, current) for card, current in found])
    else:
        _tell(found)
    short = [card for card, _ in found if not card.reaches]
    for card in () if json else short:
        complain(
            f"note: {card.name} finds {card.plan.recall:.3f} of the ten nearest, less than the {card.recall_asked:g} that is asked; "
            "--kind exact finds all"
        )
    if short and not only_list:
        raise typer.Exit(1)


def _chosen(bank: Bank, names: tuple[str, ...]) -> list[tuple[FeatureSet, str]]:
    """Sets and how they are pooled; by default those of volumes."""
    from ..eval.indexes.source import MEAN, poolings
    from ..eval.search import KINDS

    if names:
        pooled = [(name.removesuffix(f"/{MEAN}"), MEAN if name.endswith(f"/{MEAN}") else "") for name in names]
        return [(bank.features(name), pooling) for name, pooling in pooled]
    return [(one.prepare(), poolings(one)[-1]) for one in bank.feature_sets if one.key.kind in KINDS]


def _told(card: IndexCard, current: bool) -> dict[str, Any]:
    hidden = ("parts", "files", "sha256")
    return {"current": current, **{name: value for name, value in card.to_dict().items() if name not in hidden}}


def _tell(found: list[tuple[IndexCard, bool]]) -> None:
    if not found:
        say("no indexes")
        return
    rows = [
        (
            card.name,
            card.kind,
            card.rows,
            card.tombstones,
            card.dim,
            f"{card.plan.way} {card.plan.width}" if card.plan.width else card.plan.way,
            round(card.plan.recall, 4),
            card.recall_asked,
            "yes" if current else "no",
        )
        for card, current in found
    ]
    print_table(("features", "kind", "vectors", "gone", "dim", "search", "recall@10", "asked", "current"), rows)
