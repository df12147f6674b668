"""A head with the key of the features that it was fitted on: it refuses all others, and it can be kept.

A saved head is a folder of `head.safetensors` (what was learned, float64) and `card.json` (the rest, the sha256 of the former and a digest
of itself, which cards of the first heads lack). A KNN head holds the vectors of its support: keep it as carefully as the bank.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError
from sklearn.utils.validation import check_is_fitted

from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.features import FeatureSet
from ..store.files import write_folder
from ..store.specs import FeatureKey
from .bags import Bags
from .card import HeadFileError, Savable, described, key_from_dict, key_to_dict, rebuilt
from .one_class import OneClassHead

FORMAT = 1
ARRAYS, CARD = "head.safetensors", "card.json"
DIGEST = "digest"
"""Of everything else on the card."""


@final
@dataclass(frozen=True)
class Keyed:
    """Vectors in memory with the key that they are of."""

    key: FeatureKey
    X: NDArray[np.floating] | Bags
    """(N, D), or bags of vectors for a head on bags."""
    pool: str = ""
    """How vectors of slices became one of a volume, such as `mean`; empty where nothing was pooled."""


@final
@dataclass(frozen=True)
class FittedHead:
    """A fitted estimator, the key of its features and a card.

    Raises:
        NotFittedError: the estimator is not fitted.
    """

    estimator: Savable
    key: FeatureKey
    card: Mapping[str, Any] = field(default_factory=dict)
    """What a reader of the head should know, as JSON has it: the finding, the split, the run."""
    pool: str = ""
    """As in `Keyed`: part of what the features are."""

    def __post_init__(self) -> None:
        check_is_fitted(self.estimator)

    def scores(self, features: FeatureSet | Keyed) -> NDArray[np.float64]:
        """Decision values of all rows: (N,) of two classes, otherwise (N, C); of a head that learned from normals, `anomaly` (N,).

        Raises:
            UsageError: the features are of another key or width, pooled in another way, or hold NaN or infinity.
        """
        pool = features.pool if isinstance(features, Keyed) else ""
        self.check_key(features.key, pool)
        X = features.X if isinstance(features, Keyed) else features.vectors()
        wanted = int(self.estimator.n_features_in_)
        vectors = X.X if isinstance(X, Bags) else X
        if vectors.ndim != 2 or vectors.shape[1] != wanted:
            found = f"cannot score {vectors.shape}; give features of that width"
            raise UsageError(f"the head was fitted on vectors (N, {wanted}) and {found}")
        if bad := int((~np.isfinite(vectors).all(axis=1)).sum()):
            raise UsageError(
                f"{bad} of {len(vectors)} vectors of {_label(features.key, pool)} hold NaN or infinity; embed those items again"
            )
        return self.estimator.anomaly(X) if isinstance(self.estimator, OneClassHead) else self.estimator.decision_function(X)

    def check_key(self, key: FeatureKey, pool: str = "") -> None:
        """Raises UsageError where features of this key, pooled so, are not those that the head was fitted on."""
        if (key.digest, pool) != (self.key.digest, self.pool):
            raise UsageError(
                f"the head was fitted on {_label(self.key, self.pool)} and cannot score {_label(key, pool)}; "
                "give features of that key, or fit a head on these"
            )

    def save(self, folder: Path) -> None:
        """Write the head as a new folder; it is there as a whole or not at all.

        Raises:
            UsageError: something is at `folder` already, or the estimator or the card cannot be written.
        """
        if folder.exists():
            raise UsageError(f"{str(folder)!r} exists already; a saved head is not overwritten, choose another folder")
        data, arrays = described(self.estimator)
        tensors = safetensors.numpy.save(arrays)
        about = {"format": FORMAT, **data, "key": key_to_dict(self.key), "pool": self.pool, "card": dict(self.card)}
        try:
            plain = json.loads(json.dumps({**about, "sha256": hashlib.sha256(tensors).hexdigest()}, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UsageError(f"the card of a head holds what JSON cannot: {error}") from error
        text = json.dumps({**plain, DIGEST: spec_digest(plain)}, indent=2)
        write_folder(folder, {ARRAYS: tensors, CARD: text.encode()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A head that `save` wrote.

        Raises:
            HeadFileError: a file is missing, damaged or of a format that this version does not read.
        """
        try:
            about = json.loads((folder / CARD).read_bytes())
            tensors = (folder / ARRAYS).read_bytes()
        except OSError as error:
            raise HeadFileError(f"{str(folder)!r} holds no head: {error.strerror} ({Path(str(error.filename)).name})") from error
        except ValueError as error:
            raise HeadFileError(f"{str(folder / CARD)!r} is damaged: {error}") from error
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            found = about.get("format") if isinstance(about, dict) else type(about).__name__
            raise HeadFileError(f"{str(folder)!r} is of format {found!r}; this version reads {FORMAT}")
        if hashlib.sha256(tensors).hexdigest() != about.get("sha256"):
            raise HeadFileError(f"{str(folder / ARRAYS)!r} is damaged: its sha256 is not the one on the card")
        try:
            estimator = rebuilt(about, safetensors.numpy.load(tensors))
            head = cls(estimator, key_from_dict(about["key"]), dict(about["card"]), str(about["pool"]))
            if about.pop(DIGEST, None) not in (None, spec_digest(about)):
                raise HeadFileError(f"{str(folder / CARD)!r} is damaged: it is not what was written; restore it, or fit the head again")
        except HeadFileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
            raise HeadFileError(f"{str(folder / CARD)!r} is damaged ({type(error).__name__}: {error})") from error
        return head


def _label(key: FeatureKey, pool: str) -> str:
    return f"{'/'.join(part for part in (key.name, pool) if part)!r} (key {key.digest[:8]})"
