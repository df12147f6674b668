"""Encoders of installed packages: entry points of the group `scanbank.encoders`, and what code that is not ours is held to."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..store.errors import EncoderError, ScanbankError
from ..store.specs import EncoderSpec, ViewSpec
from .encoder import SIDES, Encoder
from .errors import one_line

GROUP = "scanbank.encoders"


def plugin_schemes() -> dict[str, list[EntryPoint]]:
    """The schemes that installed packages bring, each with who brings it; nothing is imported."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def open_plugin(uri: str, points: list[EntryPoint], name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder NAME of a package's scheme: its entry point is called as `open_encoder(name, *, random_weights, device)`.

    Raises:
        EncoderError: two packages bring the scheme, or the package's code does not give an encoder.
    """
    if len({point.value for point in points}) > 1:
        who = " and ".join(sorted(_package(point) for point in points))
        raise EncoderError(f"encoder {uri!r}: packages {who} both bring this scheme; uninstall one of them")
    who = f"entry point {points[0].value} of package {_package(points[0])}"
    opened_by: Any = called(uri, f"importing {who}", points[0].load)
    if not callable(opened_by):
        raise EncoderError(f"encoder {uri!r}: {who} is {_a(opened_by)}; expected open_encoder(name, *, random_weights, device)")
    found = called(uri, who, lambda: opened_by(name, random_weights=random_weights, device=device))
    return named(uri if random_weights is None else f"{uri}+random{random_weights}", who, found)


def called(uri: str, what: str, run: Callable[[], Any]) -> Any:
    """What `run`, code that is not ours, gives; whatever it raises is told in one line."""
    try:
        return run()
    except ScanbankError:
        raise
    except (Exception, SystemExit) as error:
        raise EncoderError(f"encoder {uri!r}: {what} raised {one_line(error)}") from error


def named(uri: str, what: str, found: Any) -> Encoder:
    """What was given as an encoder, under the name that opens it again.

    Raises:
        EncoderError: it is no encoder, or not a whole one.
    """
    if not isinstance(found, Encoder):
        raise EncoderError(f"encoder {uri!r}: {what} gave {_a(found)}; expected a subclass of scanbank.embed.Encoder")
    lacking = [name for name in ("spec", "view", "offers", "channels") if not hasattr(found, name)]
    if lacking:
        raise EncoderError(f"encoder {uri!r}: {what} gave an encoder that lacks {', '.join(lacking)}; docs/encoders.md has an example")
    if wrong := wrong_of(found):
        raise EncoderError(f"encoder {uri!r}: {what} gave an encoder whose {wrong}; docs/encoders.md has an example")
    found.spec = replace(found.spec, name=uri)
    return found


def wrong_of(found: Encoder) -> str:
    """What of an encoder is of no use, though it is there; empty where all is well. It was written by others, whatever its types say."""
    spec: Any = found.spec
    if not isinstance(spec, EncoderSpec):
        return f"spec is {_a(spec)}; expected an EncoderSpec"
    if not _is_count(spec.dim):
        return f"spec has dim {spec.dim!r}; expected a whole number from 1"
    for name in ("mean", "std"):
        if not all(isinstance(value, int | float) for value in getattr(spec, name)):
            return f"spec has {name} {getattr(spec, name)!r}; expected numbers"
    if not isinstance(found.view, ViewSpec):
        return f"view is {_a(found.view)}; expected a ViewSpec"
    offers: Any = found.offers
    if not isinstance(offers, Set) or not offers or not offers <= set(SIDES):
        return f"offers are {offers!r}; expected a set of {', '.join(map(repr, SIDES))}"
    channels: Any = found.channels
    if not isinstance(channels, Set) or not all(_is_count(one) for one in channels) or not (channels or offers == {"text"}):
        return f"channels are {channels!r}; expected a set of how many windows it takes at once, such as frozenset({{1}})"
    return ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _a(found: Any) -> str:
    return "nothing (None)" if found is None else f"{found!r}"[:80] if isinstance(found, type) else f"a {type(found).__name__}"
