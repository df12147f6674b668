"""Encoders between a parent and its child, each kept and embedded as a child of its own (WiSE-FT, Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

from ..embed.adapt.artifact import Artifact
from ..embed.adapt.card import check_child_name
from ..embed.adapt.child import child_of
from ..embed.adapt.opening import Kept, artifact_in, kept_encoders
from ..embed.adapt.wise import interpolated_update
from ..embed.encoder import Encoder
from ..embed.names import ADAPTED
from ..embed.torch_encoder import TorchEncoder
from ..store.erasure import tokens
from ..store.errors import UsageError
from ..store.progress import Progress
from ..store.specs import ViewSpec
from .adapting import adaptable
from .children import embed_child, keep_child
from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank


@final
class Way:
    """The way from a parent to a child of a bank."""

    def __init__(self, bank: Bank, kept: Kept, reopened: Callable[[], Encoder]) -> None:
        """`reopened` opens the parent anew, each time."""
        self.bank, self.kept, self.reopened = bank, kept, reopened
        self.whole = artifact_in(bank, kept)
        if self.whole.card.view is None:
            raise UsageError(f"{kept.name} does not say which view it was trained with: there is none to embed with")

    @property
    def view(self) -> ViewSpec:
        """Of the child, and of all on the way."""
        assert self.whole.card.view is not None  # looked at above
        return self.whole.card.view

    def name_at(self, alpha: float) -> str:
        """What the encoder at a point of the way is called."""
        return f"{self.whole.card.name}-wise{alpha:g}"

    def artifact_at(self, alpha: float) -> Artifact:
        """What is between: weights of parent and child by 1 - alpha and alpha.

        Raises:
            UsageError: alpha does not lie between 0 and 1, or block adapters lie on no line to their parent.
        """
        check_between(alpha)
        parent = adaptable(self.reopened())
        tensors = interpolated_update(dict(parent.model.named_parameters()), self.whole.tensors, alpha)
        card, towers = self.whole.card, parent.towers
        scale = tensors.get(towers.log_scale) if towers else None
        bias = tensors.get(towers.bias) if towers else None
        between = replace(
            card,
            name=self.name_at(alpha),
            objective={**card.objective, "wise": {"child": card.name, "alpha": alpha}},
            epochs=(),
            best=0,
            logit_scale=card.logit_scale if scale is None else float(scale.detach().exp()),
            logit_bias=card.logit_bias if bias is None else float(bias.detach()),
        )
        return Artifact.made(between, tensors)

    def walk(self, alphas: Sequence[float], workers: int, progress: Progress, *, accept_hu: bool = False) -> list[TorchEncoder]:
        """Keep and embed with each; what the bank holds is not made again. All saw what the child saw.

        Raises:
            UsageError: as `artifact_at`, or another encoder of the bank has the name of one.
        """
        for alpha in alphas:  # mistakes before anything is embedded
            check_child_name(self.name_at(alpha))
            check_between(alpha)
        forgot = tokens(self.bank.snapshot.root)
        rows = self.bank.sql(f"SELECT item, level FROM trained_items WHERE encoder = {quoted(self.kept.spec.digest)}").to_pylist()
        seen, level = [row["item"] for row in rows], rows[0]["level"] if rows else "volume"
        found: list[TorchEncoder] = []
        for alpha in alphas:
            name = ADAPTED + self.name_at(alpha)
            held = next((one for one in kept_encoders(self.bank) if one.name == name), None)
            artifact = self.artifact_at(alpha) if held is None else artifact_in(self.bank, held)
            if held is None:
                keep_child(self.bank, artifact, seen, level, forgot=forgot if level in ("volume", "slice") else None)
            elif artifact.card.objective.get("wise") != {"child": self.whole.card.name, "alpha": alpha}:
                raise UsageError(f"{self.bank.name} keeps another encoder {name!r}; remove it or rename the child")
            point = child_of(self.reopened(), artifact)
            embed_child(self.bank, point, self.view, workers, progress, accept_hu=accept_hu)
            found.append(point)
        return found


def check_between(alpha: float) -> None:
    """Raises UsageError where a share does not lie between 0 and 1."""
    if not 0 < alpha < 1:
        raise UsageError(f"alpha {alpha:g}: expected a number between 0 and 1; 0 is the parent and 1 the child, which the bank has")
