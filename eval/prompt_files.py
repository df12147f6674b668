"""Files of prompts: JSON with templates for all findings, texts of some, or both.

    {
      "templates": {"present": ["{finding} is present.", "There is {finding}."], "absent": ["There is no {finding}."]},
      "findings": {"pleural_effusion": {"present": ["Fluid around the lung."], "absent": ["No fluid around the lung."]}}
    }

A finding with texts of its own takes those; the others take the templates, with their words where `{finding}` stands. `absent` may be left
out where presence alone is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

from ..store.errors import UnknownNameError, UsageError
from .prompts import FINDING, NEGATIVE, POSITIVE, Said, Wording

MOST_BYTES = 1 << 20
"""Of a file: tens of thousands of texts."""
_KEYS, _SIDES = ("templates", "findings"), ("present", "absent")
_EXAMPLE = json.dumps({"templates": {"present": [POSITIVE], "absent": [NEGATIVE]}})


def read_prompts(path: Path) -> Wording:
    """What a file of prompts says.

    Raises:
        UsageError: it is not there, too large, no JSON in UTF-8 of that form, or a list of texts is empty.
        UnknownNameError: it has a key that means nothing.
    """
    name = f"prompts {str(path)!r}"
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}; expected a JSON file") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES} bytes; expected a JSON file of texts")
    try:
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} holds half a letter (a lone surrogate, {error.object[error.start]!a}); expected whole ones") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8; expected a JSON file") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deep; expected an object with {' and '.join(_KEYS)}") from error
    except ValueError as error:
        raise UsageError(f"{name} is no JSON: {error}") from error
    _check_keys(name, "", found, _KEYS)
    if not found:
        raise UsageError(f"{name} is empty; expected {' or '.join(_KEYS)}, such as {_EXAMPLE}")
    templates = found.get("templates")
    everywhere = None if templates is None else _said(name, "templates", templates)
    for text in (*everywhere.present, *everywhere.absent) if everywhere else ():
        if FINDING not in text:
            raise UsageError(f"{name}: template {text!r} lacks {FINDING}; it would say the same of all findings: put it under findings")
    of = found.get("findings", {})
    if not isinstance(of, dict):
        _refuse(name, "findings", of, "an object with findings for its keys")
    return Wording(everywhere, {finding: _said(name, f"findings, {finding!r}", said) for finding, said in of.items()}, name)


def _said(name: str, where: str, found: Any) -> Said:
    _check_keys(name, where, found, _SIDES)
    if "present" not in found:
        raise UsageError(f"{name}, {where}: present is missing; expected a list of texts")
    return Said(*(_texts(name, f"{where}, {side}", found[side]) for side in _SIDES if side in found))


def _texts(name: str, where: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not found:
        _refuse(name, where, found, "a list of texts")
    for text in found:
        if not isinstance(text, str) or not text.strip():
            _refuse(name, where, text, "texts that are not blank")
    return tuple(found)


def _check_keys(name: str, where: str, found: Any, known: Sequence[str]) -> None:
    if not isinstance(found, dict):
        _refuse(name, where, found, f"an object with {' and '.join(known)}")
    for key in found:
        if key not in known:
            raise UnknownNameError(f"{name}{where and ', '}{where}: key", key, known)


def _refuse(name: str, where: str, found: Any, wanted: str) -> Never:
    shown = json.dumps(found, ensure_ascii=True)
    raise UsageError(f"{name}{where and ', '}{where}: expected {wanted}; found {shown if len(shown) <= 60 else type(found).__name__}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} is there twice")
        found[key] = value
    return found
