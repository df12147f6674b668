"""What a label's status counts as: present is 1, absent 0; of uncertain and unmentioned the user decides, and every answer records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError

RANKED_STATUSES = ("unmentioned", "absent", "uncertain", "present")
"""From what says least to what says most; a status's place here is its code."""
UNKNOWN = -1
CountsAs = Literal["absent", "present", "unknown"]
_VALUES: dict[str, int] = {"absent": 0, "present": 1, "unknown": UNKNOWN}


@final
@dataclass(frozen=True)
class LabelPolicy:
    """How statuses become values."""

    uncertain: CountsAs = "unknown"
    unmentioned: CountsAs = "absent"

    def __post_init__(self) -> None:
        """Raises UnknownNameError."""
        for name, value in (("uncertain", self.uncertain), ("unmentioned", self.unmentioned)):
            if value not in _VALUES:
                raise UnknownNameError(f"what {name} counts as", value, _VALUES)

    def values(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """0, 1 or `UNKNOWN` for codes of statuses, of the same shape."""
        return np.array([_VALUES[self.unmentioned], 0, _VALUES[self.uncertain], 1])[codes]

    def __str__(self) -> str:
        return f"unmentioned is {self.unmentioned}, uncertain is {self.uncertain}"
