"""Finding sets by name or from a YAML file of the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ...store.errors import UnknownNameError, UsageError
from .documents import Node, parse_document, read_document
from .finding import Finding, FindingSet, Mention, Says
from .phrases import PhraseError, parse_phrase

BUNDLED = ("chest18", "chexpert14", "cxr14", "neuro16")
"""Sets that come with scanbank."""
_SETS = Path(__file__).parent / "sets"
_SAYS: Mapping[str, Says] = {"present": "present", "absent": "absent", "uncertain": "uncertain"}
_PROBABLE: Mapping[str, Literal["present", "uncertain"]] = {"present": "present", "uncertain": "uncertain"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def finding_set(name: str | Path | FindingSet) -> FindingSet:
    """A set of findings: one that comes with scanbank by its name, or the one that a YAML file describes.

    Raises:
        UnknownNameError: no set of this name, and no file of this path.
        UsageError: the file cannot be read or is no finding set; the message names line, key and what was expected.
    """
    if isinstance(name, FindingSet):
        return name
    if not isinstance(name, str | Path):
        raise UsageError(f"a finding set is a name, a path or a FindingSet; found {type(name).__name__}")
    if str(name) in BUNDLED:
        return parse_set(f"finding set {name}", (_SETS / f"{name}.yaml").read_bytes())
    path = Path(name)
    if not path.suffix and not path.exists():
        raise UnknownNameError("finding set", str(name), BUNDLED, "Or give a YAML file such as findings.yaml")
    try:
        data = read_document(path)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(f"finding set {str(name)!r} cannot be read: {why}; expected a YAML file or one of {', '.join(BUNDLED)}") from error
    return parse_set(f"finding set {path.name!r}", data)


def parse_set(document: str, data: bytes) -> FindingSet:
    """A set from the bytes of its YAML; `document` names it in messages.

    Raises:
        UsageError: it is no finding set.
    """
    fields = parse_document(document, data).fields(("name", "title", "probable", "findings"), ("name", "findings"))
    name = _name(fields["name"])
    nodes = fields["findings"].items()
    if not nodes:
        fields["findings"].fail("at least one finding", "an empty list")
    found: dict[str, Finding] = {}
    implied: list[tuple[Node, str]] = []
    for node in nodes:
        finding, more = _finding(node)
        if finding.name in found:
            node.fail("each finding once", f"{finding.name!r} again")
        found[finding.name] = finding
        implied += more
    for node, other in implied:
        if other not in found:
            raise UnknownNameError(f"{document}, line {node.line}, {node.where}: finding", other, found)
        if node.where.endswith(".none_of") and found[other].none_of:
            node.fail("findings that do not depend on others themselves", f"{other!r}, which has none_of")
    probable = fields["probable"].choice(_PROBABLE) if "probable" in fields else "uncertain"
    return FindingSet(name, fields["title"].text() if "title" in fields else name, tuple(found.values()), probable)


def _finding(node: Node) -> tuple[Finding, list[tuple[Node, str]]]:
    known = ("name", "title", "description", "mentions", "skip", "implies", "none_of", "aliases")
    fields = node.fields(known, ("name",))
    name = _name(fields["name"])
    title = fields["title"].text() if "title" in fields else name.replace("_", " ").capitalize()
    mentions = tuple(_mention(one) for one in fields["mentions"].items()) if "mentions" in fields else ()
    if not mentions and "none_of" not in fields:
        node.fail("a key 'mentions' with at least one, or 'none_of'", ", ".join(fields))
    implies, none_of, aliases = (fields[key].texts() if key in fields else () for key in ("implies", "none_of", "aliases"))
    description = fields["description"].text() if "description" in fields else f"{title}."
    if name in implies:
        fields["implies"].fail("other findings", f"{name!r} itself")
    finding = Finding(name, title, description, mentions, _phrases(fields.get("skip")), implies, none_of, aliases)
    return finding, [(fields[key], other) for key in ("implies", "none_of") if key in fields for other in fields[key].texts()]


def _mention(node: Node) -> Mention:
    if not node.is_mapping:
        return Mention(_phrases(node))
    fields = node.fields(("phrases", "says", "near", "unless", "over_mm", "over_ratio"), ("phrases",))
    says = fields["says"].choice(_SAYS) if "says" in fields else "present"
    over_mm = fields["over_mm"].number(0, 1000) if "over_mm" in fields else None
    over_ratio = fields["over_ratio"].number(0, 1) if "over_ratio" in fields else None
    if over_mm is not None and over_ratio is not None:
        fields["over_ratio"].fail("over_mm or over_ratio", "both")
    told = _phrases(fields["phrases"]), says, _phrases(fields.get("near")), _phrases(fields.get("unless"))
    return Mention(*told, over_mm, over_ratio)


def _name(node: Node) -> str:
    name = node.text()
    if not _NAME.fullmatch(name):
        node.fail("a name of lower case letters, digits and underscores", repr(name[:60]))
    return name


def _phrases(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    texts = node.texts()
    if not texts:
        node.fail("at least one phrase", "an empty list")
    for text in texts:
        if not any(map(str.isalnum, text)):
            node.fail("phrases of words", f"{text[:60]!r}, without a letter or a digit")
        try:
            parse_phrase(text)
        except PhraseError as error:
            raise UsageError(f"{node.document}, line {node.line}, {node.where}: {error}") from error
    return texts
