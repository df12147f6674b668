"""Which modules of a torch model belong to which side, for what trains them: only the encoder that built the model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import nn


@final
@dataclass(frozen=True)
class Towers:
    """Names of modules and parameters as `named_modules` and `named_parameters` have them."""

    image: tuple[str, ...] = ("",)
    """Of the image side; the empty name is the whole model."""
    text: tuple[str, ...] = ()
    """Of the text side; empty where there is none, or where nobody said."""
    log_scale: str = ""
    """The parameter whose exponential multiplies cosines; empty where there is none."""
    bias: str = ""
    """The parameter that is added to them; empty where there is none."""

    def of_image(self, name: str) -> bool:
        """Whether a parameter or module lies in the image side."""
        return _below(name, self.image)

    def of_text(self, name: str) -> bool:
        """Whether a parameter or module lies in the text side."""
        return _below(name, self.text)

    def check(self, model: nn.Module) -> None:
        """Raises ValueError where the model has no module or parameter of a name: a mistake of who wrote the encoder."""
        modules, parameters = {name for name, _ in model.named_modules()}, {name for name, _ in model.named_parameters()}
        for name in (*self.image, *self.text):
            if name not in modules | parameters:
                raise ValueError(f"the model has no module or parameter {name!r}")
        for name in (self.log_scale, self.bias):
            if name and name not in parameters:
                raise ValueError(f"the model has no parameter {name!r}")


def _below(name: str, roots: tuple[str, ...]) -> bool:
    return any(not root or name == root or name.startswith(f"{root}.") for root in roots)
