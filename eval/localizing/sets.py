"""Feature sets with vectors along depth, and the encoders whose text side goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...embed.adapt.opening import within
from ...embed.encoder import Encoder
from ...embed.named import is_named
from ...store.errors import UnknownNameError, UsageError
from ...store.features import FeatureSet
from ...store.windows import parse_windows
from ..levels import KINDS

if TYPE_CHECKING:
    from ...store.bank import Bank


def level_sets(
    bank: Bank, names: Sequence[str], encoder: str, window: str, opened_by: Callable[[str], Encoder]
) -> tuple[list[FeatureSet], dict[str, Encoder], list[str]]:
    """The sets of kind `depth` or `slice` that are asked for, by name; their encoders, by digest; and remarks on those left out.

    Args:
        bank: the bank.
        names: of feature sets, or beginnings of digests; none means all whose encoder has a text side.
        encoder: sets of this encoder; `tiny` is any version of it.
        window: sets of this window, as `embed` takes it.
        opened_by: opens an encoder by its name.

    Raises:
        UnknownNameError: a set or encoder is none.
        UsageError: no set fits, or none of their encoders has a text side.
        EncoderError: an encoder is not on this machine.
    """
    every = [s for s in bank.feature_sets if s.key.kind in KINDS and not s.declared]  # of imported ones nobody knows the text side
    if not every:
        way = f"`scanbank embed {bank.name} --encoder tiny --depth` makes one"
        raise UsageError(f"{bank.name} has no vectors along depth, of slices or of steps of a 3D encoder; {way}")
    chosen = [bank.features(name) for name in names] or every
    for one in chosen:
        if one.key.kind not in KINDS or one.declared:
            what = "was imported, so that nobody knows its text side" if one.declared else f"is of kind {one.key.kind!r}"
            raise UsageError(f"feature set {one.name!r} {what}; those that can be used: {', '.join(s.name for s in every)}")
    if encoder:
        known = {s.key.encoder.name for s in chosen}
        chosen = [s for s in chosen if is_named(encoder, s.key.encoder.name)]
        if not chosen:
            raise UnknownNameError("encoder of vectors along depth", encoder, known, "`scanbank embed` makes more")
    if window:
        windows, told = parse_windows(window), ", ".join(s.name for s in chosen)
        chosen = [s for s in chosen if s.key.view.shows(windows)]
        if not chosen:
            raise UsageError(f"no vectors along depth have window {window!r}; there are: {told}")
    opened = {s.key.encoder.digest: within(bank, opened_by)(s.key.encoder.name) for s in chosen}
    mute = sorted({s.key.encoder.name for s in chosen if "text" not in opened[s.key.encoder.digest].offers})
    usable = [s for s in chosen if "text" in opened[s.key.encoder.digest].offers]
    if not usable:
        raise UsageError(f"no text side has {', '.join(mute)}, so sentences cannot be compared with its slices; embed with one that has")
    return sorted(usable, key=lambda s: s.name), opened, [f"{name} has no text side: its feature sets are left out" for name in mute]
