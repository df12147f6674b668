"""Which feature set answers a search, where the user names none or only a part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..embed.adapt.opening import within
from ..embed.encoder import Encoder
from ..embed.named import is_named, open_named
from ..store.errors import EncoderError, UnknownNameError, UsageError
from ..store.features import FeatureSet
from ..store.specs import ViewSpec
from ..store.windows import parse_windows
from .query_words import query_words
from .search_kinds import KINDS, Find
from .window_words import window_of

if TYPE_CHECKING:
    from ..store.bank import Bank


def searchable(
    bank: Bank,
    query: str,
    *,
    encoder: str = "",
    window: str = "",
    find: Find = "volume",
    opened_by: Callable[[str], Encoder] = open_named,
) -> tuple[FeatureSet, Encoder]:
    """The feature set to search and its encoder, opened.

    Of several that fit, in this order: one whose encoder has a text side, the most of the bank's scans, the view that the
    encoder was made for, the window that shows what the query names (see `window_words`), the first by name.

    Args:
        bank: the bank.
        query: what is searched.
        encoder: the encoder's name; `tiny` is any version of it.
        window: as `embed` takes it; sets of texts have none.
        find: what is looked for.
        opened_by: opens an encoder by its name.

    Raises:
        UsageError: the query is empty; or the bank has no scans, no feature set that fits (the message says which there are), or
            none whose encoder has a text side.
        EncoderError: the encoder is not on this machine.
    """
    words = window_of(query_words(query).wanted)
    # Of imported vectors nobody knows which text side goes with them.
    sets = [s for s in sets_of_kinds(bank, KINDS[find]) if not s.declared]
    if not sets:
        raise _no_sets(bank, find)
    sets = with_window(of_encoder(sets, encoder), window) if find in ("volume", "slice") else of_encoder(sets, encoder)
    totals = items_of_kinds(bank)
    opened_by = within(bank, opened_by)
    opened: dict[str, Encoder] = {}
    failed: EncoderError | None = None
    # What has a scale of logits was made for pairs of scans and texts: those are tried first, for opening one takes seconds.
    for name in sorted(
        {s.key.encoder.name for s in sets}, key=lambda n: (all(s.key.encoder.logit_scale is None for s in _named(sets, n)), n)
    ):
        try:
            opened[name] = opened_by(name)
        except EncoderError as error:
            failed = error
            continue
        if "text" in opened[name].offers:
            break
    else:
        raise failed or _no_text_side(bank, sets)
    model = opened[name]

    def preference(one: FeatureSet) -> tuple[float, bool, bool, str]:
        key = one.key
        return (
            -one.rows / max(1, totals[key.kind]),
            key.view != model.view,
            words not in key.view.window_label.split("+"),
            one.name,
        )

    return min(_named(sets, name), key=preference), model


def sets_of_kinds(bank: Bank, kinds: Sequence[str]) -> list[FeatureSet]:
    """The bank's feature sets of these kinds.

    Raises:
        UsageError: the bank holds neither scans nor reports.
    """
    totals = items_of_kinds(bank)
    if not totals["volume"] and ("text" not in kinds or not totals["text"]):
        raise UsageError(f"{bank.name} holds no volumes; `scanbank ingest` some first")
    return [s for s in bank.feature_sets if s.key.kind in kinds]


def items_of_kinds(bank: Bank) -> dict[str, int]:
    """How many items a whole feature set of each kind has."""
    scans = bank.sql("SELECT count(*) AS volume, coalesce(sum(slices), 0)::BIGINT AS slice, count(*) AS depth FROM volumes").to_pylist()[0]
    return scans | {"text": bank.sql("SELECT count(*) AS n FROM snippets").column("n")[0].as_py()}


def foreign_window(view: ViewSpec, encoder: Encoder) -> str:
    """What to know where scans went through another window than the encoder was made for; empty where it is the same."""
    if not encoder.view.windows or view.windows == encoder.view.windows:
        return ""
    made_for = f"{encoder.spec.name} was made for ({encoder.view.window_label})"
    return f"the window {view.window_label} is not the one {made_for}: what it says of such scans may be worth little"


def _named(sets: Sequence[FeatureSet], encoder: str) -> list[FeatureSet]:
    return [s for s in sets if s.key.encoder.name == encoder]


def of_encoder(sets: Sequence[FeatureSet], encoder: str) -> list[FeatureSet]:
    found = [s for s in sets if not encoder or is_named(encoder, s.key.encoder.name)]
    if not found:
        raise UnknownNameError("encoder of a feature set", encoder, {s.key.encoder.name for s in sets}, "`scanbank embed` makes more")
    return found


def with_window(sets: Sequence[FeatureSet], window: str) -> list[FeatureSet]:
    if not window:
        return list(sets)
    windows = parse_windows(window)
    found = [s for s in sets if s.key.view.shows(windows)]
    if not found:
        listed = ", ".join(s.name for s in sets)
        raise UsageError(
            f"no feature set has window {window!r}; there are: {listed}. `scanbank embed BANK --encoder NAME --window {window}` makes one"
        )
    return found


def _no_sets(bank: Bank, find: Find) -> UsageError:
    if find in ("snippet", "report"):
        texts = items_of_kinds(bank)["text"]
        lack = "has no vectors of report texts" if texts else "holds no reports"
        way_out = (
            f"`scanbank embed {bank.name} --encoder tiny` makes them"
            if texts
            else f"`scanbank ingest {bank.name} --reports FILE` brings them"
        )
        return UsageError(f"{bank.name} {lack}; {way_out}")
    what = " of slices, or along depth" if find == "slice" else " of scans"
    return UsageError(f"{bank.name} has no feature sets{what}; make one with `scanbank embed {bank.name} --encoder tiny`")


def _no_text_side(bank: Bank, sets: Sequence[FeatureSet]) -> UsageError:
    asked = {s.key.encoder.name for s in sets}
    others = sorted({s.key.encoder.name for s in bank.feature_sets if s.key.encoder.logit_scale is not None} - asked)
    plural = "encoders {} have" if len(asked) > 1 else "encoder {} has"
    way_out = f"search with --encoder {others[0]}" if others else f"run `scanbank embed {bank.name} --encoder tiny`"
    return UsageError(f"{plural.format(', '.join(sorted(asked)))} no text side, so scans cannot be searched by text with it; {way_out}")
