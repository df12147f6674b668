"""`module:PACKAGE.MODULE:FACTORY`: an encoder of the user's own code, which is imported because the user wrote its name."""

from __future__ import annotations

import inspect
import re
import sys
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...store.errors import EncoderError, UsageError
from ..encoder import Encoder
from ..plugins import called, named

_FORM = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder that the user's FACTORY gives: `factory()`, with `device` and `random_weights` where it takes them.

    The module is looked for on the Python path and then in the current folder.
    """
    uri = f"module:{name}"
    match = _FORM.fullmatch(name)
    if match is None:
        raise UsageError(f"encoder {uri!r} names no function; write module:PACKAGE.MODULE:FACTORY, such as module:my_models:open_encoder")
    module = _imported(uri, match[1])
    try:
        factory: Any = reduce(getattr, match[2].split("."), module)
    except AttributeError as error:
        raise EncoderError(f"encoder {uri!r}: module {match[1]} has no {match[2]}; it holds {_callables(module)}") from error
    if not callable(factory):
        raise EncoderError(f"encoder {uri!r}: {match[2]} is of type {type(factory).__name__}; expected a function that gives an encoder")
    options = _options(uri, factory, {"device": device, "random_weights": random_weights})
    if random_weights is not None:
        uri += f"+random{random_weights}"
    return named(uri, f"{match[2]}()", called(uri, f"{match[2]}()", lambda: factory(**options)))


def _imported(uri: str, module: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # last: a file there never takes the place of an installed library
    top = module.partition(".")[0]
    if top not in sys.modules and called(uri, f"finding {top}", lambda: find_spec(top)) is None:
        raise EncoderError(
            f"encoder {uri!r}: there is no module {top} on the Python path or in the current folder; "
            "run from the folder that holds it, or set PYTHONPATH to it"
        )
    return called(uri, f"importing {module}", lambda: import_module(module))


def _options(uri: str, factory: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Those of `wanted` that the factory takes; what the user asked for and it does not take is an error."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # of code without a signature
        parameters = ()
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    names = {one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    taken = {key: value for key, value in wanted.items() if takes_any or key in names}
    for key, default in (("device", "auto"), ("random_weights", None)):
        if key not in taken and wanted[key] != default:
            option = key.replace("_", "-")
            raise UsageError(f"encoder {uri!r}: its factory takes no {key}; leave --{option} out, or give the factory a parameter {key}")
    return taken


def _callables(module: Any) -> str:
    names = [key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__]
    return ", ".join(sorted(names)[:10]) or "no functions"
