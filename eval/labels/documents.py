"""YAML into plain values that know their lines, so that what is wrong is told by line and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar, final

import yaml

from ...store.errors import UnknownNameError, UsageError

Choice = TypeVar("Choice")
MOST_BYTES = 1 << 19
"""Of a file: a set of hundreds of findings."""


@final
@dataclass(frozen=True)
class Node:
    """A value of a document, and where it stands."""

    document: str
    line: int
    where: str
    """Keys that lead to it, such as `findings[2].mentions`."""
    raw: yaml.Node

    def fail(self, wanted: str, found: str) -> NoReturn:
        where = f", {self.where}" if self.where else ""
        raise UsageError(f"{self.document}, line {self.line}{where}: expected {wanted}; found {found}")

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.raw, yaml.MappingNode)

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        if isinstance(self.raw, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.raw, yaml.SequenceNode):
            return f"a list of {len(self.raw.value)}"
        return f"{self.raw.value[:60]!r}" if self.raw.value else "nothing"

    def fields(self, known: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Node]:
        """A mapping with these keys only, each once."""
        if not isinstance(self.raw, yaml.MappingNode):
            self.fail(f"a mapping with {', '.join(needed)}", self.kind)
        found: dict[str, Node] = {}
        for key, value in self.raw.value:
            at = Node(self.document, key.start_mark.line + 1, self.where, key)
            name = at.text()
            if name not in known:
                raise UnknownNameError(f"{self.document}, line {at.line}{self.where and ', '}{self.where}: key", name, known)
            if name in found:
                at.fail("each key once", f"{name!r} again, after line {found[name].line}")
            found[name] = Node(self.document, value.start_mark.line + 1, f"{self.where}.{name}".lstrip("."), value)
        for name in needed:
            if name not in found:
                self.fail(f"a key {name!r}", f"only {', '.join(found) or 'an empty mapping'}")
        return found

    def items(self) -> list[Node]:
        if not isinstance(self.raw, yaml.SequenceNode):
            self.fail("a list", self.kind)
        return [Node(self.document, one.start_mark.line + 1, f"{self.where}[{i}]", one) for i, one in enumerate(self.raw.value)]

    def text(self) -> str:
        """A scalar as it is written; numbers and `no` are texts too."""
        if not isinstance(self.raw, yaml.ScalarNode) or not self.raw.value.strip():
            self.fail("a text", self.kind)
        return " ".join(self.raw.value.split())

    def texts(self) -> tuple[str, ...]:
        """A list of texts, or one text alone."""
        return (self.text(),) if isinstance(self.raw, yaml.ScalarNode) else tuple(one.text() for one in self.items())

    def choice(self, known: Mapping[str, Choice]) -> Choice:
        """What one of these words stands for."""
        text = self.text()
        if text not in known:
            self.fail(" or ".join(known), repr(text[:60]))
        return known[text]

    def number(self, lowest: float, highest: float) -> float:
        """A scalar that is a number in between."""
        try:
            value = float(self.text())
        except ValueError:
            self.fail("a number", self.kind)
        if not lowest < value < highest:
            self.fail(f"a number between {lowest:g} and {highest:g}", f"{value:g}")
        return value


def read_document(path: Path) -> bytes:
    """The bytes of a file, one more than `MOST_BYTES` at most: a device would give them without end.

    Raises:
        OSError: it cannot be read.
        ValueError: the path holds a NUL character.
    """
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def parse_document(name: str, data: bytes) -> Node:
    """The one document of a YAML file, with the safe loader, without anchors.

    Raises:
        UsageError: it is too large, no text in UTF-8, no YAML, empty, or uses anchors, which can grow without end.
    """
    if len(data) > MOST_BYTES:
        raise UsageError(f"{name} has more than {MOST_BYTES} bytes, which is the most that is read")
    try:
        text = data.decode("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8; expected a YAML file") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deep; expected a finding set") from error
    except yaml.MarkedYAMLError as error:
        at = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{name}{at} is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    if root is None:
        raise UsageError(f"{name} is empty; expected a finding set: a mapping with name and findings")
    _refuse_anchors(name, root)
    return Node(name, root.start_mark.line + 1, "", root)


def _refuse_anchors(name: str, root: yaml.Node) -> None:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            raise UsageError(f"{name}, line {node.start_mark.line + 1}: an anchor is used again by an alias; write it out")
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
