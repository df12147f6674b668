"""Parts of a test side that are measured apart: by the values of attributes of scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .ledger import Run
from .sources import unit_sources

if TYPE_CHECKING:
    from ..store.bank import Bank


def subgroups_of(bank: Bank, runs: Sequence[Run], attributes: Sequence[str]) -> Mapping[str, Mapping[str, NDArray[np.bool_]]]:
    """By run, as `Measuring.subgroups` has them: of each value of these attributes on the test side, which units have it.

    Raises:
        UnknownNameError: no scan of the bank has such an attribute.
    """
    found: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for run in runs:
        if run.study is None:
            continue
        test = run.study.split.side("test")
        for attribute in attributes:
            values = unit_sources(bank, run.study.units, attribute)[test]
            masks = {f"{attribute}={value}": values == value for value in sorted(set(values.tolist()) - {""})}
            found.setdefault(run.name, {}).update(masks)
    return found
