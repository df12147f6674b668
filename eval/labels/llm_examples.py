"""Few-shot examples from a file of the user's."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...store.errors import UnknownNameError, UsageError
from .documents import Node, parse_document, read_document
from .finding import FindingSet
from .llm_settings import Example

MOST = 50
"""Examples: each goes with every report."""


def read_examples(path: Path, findings: FindingSet) -> tuple[Example, ...]:
    """The examples of a YAML or JSON file: a list of `report`, a text, and `present`, the names of the findings that it has.

    Raises:
        UsageError: the file cannot be read, or is no such list; the message names line and key.
        UnknownNameError: a name is no finding of the set.
    """
    try:
        data = read_document(path)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(f"examples {str(path)!r} cannot be read: {why}") from error
    document = f"examples {path.name!r}"
    nodes = parse_document(document, data).items()
    if not 0 < len(nodes) <= MOST:
        raise UsageError(f"{document}: {len(nodes)} examples; expected 1 to {MOST}, as all go with each report")
    return tuple(_example(node, findings) for node in nodes)


def _example(node: Node, findings: FindingSet) -> Example:
    fields = node.fields(("report", "present"), ("report", "present"))
    report = fields["report"]
    if not isinstance(report.raw, yaml.ScalarNode) or not report.raw.value.strip():
        report.fail("the text of a report", report.kind)
    empty = isinstance(fields["present"].raw, yaml.ScalarNode) and not fields["present"].raw.value.strip()
    present = () if empty else fields["present"].texts()
    for name in present:
        if name not in findings.names:
            at = fields["present"]
            raise UnknownNameError(f"{node.document}, line {at.line}, {at.where}: finding", name, findings.names)
    return Example(report.raw.value, frozenset(present))
