"""The loop: steps, validation after each epoch, an early end, and going on after a kill as if nothing had happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
import torch
from torch import Tensor, nn

from ...store.progress import Progress, Silent
from ..errors import is_out_of_device_memory
from ..heap import freed_is_given_back, freed_is_kept
from ..torch_encoder import PRECISIONS, TorchEncoder
from .checkpointing import checkpointed
from .errors import AdaptError
from .groups import parameter_groups
from .methods.base import Backbone, changed, put
from .objective import Batch, Model, Objective, Part
from .state import State, load_state, moments, put_moments, save_state
from .training import Training

SAVE_SECONDS = 60.0
"""Between saves of the state: what a kill costs at most."""

_CPU_FULL = "can't allocate memory"
"""What torch says on the CPU, as a RuntimeError."""


class Examples(Protocol):
    """What is trained on."""

    def __len__(self) -> int: ...

    def take(self, rows: Sequence[int]) -> Batch:
        """The examples of these numbers; the same whenever asked."""
        ...

    def names(self, rows: Sequence[int]) -> list[str]:
        """What to call them in errors."""
        ...


@final
@dataclass(frozen=True)
class Told:
    """One epoch."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over its steps."""
    rate: float
    """The learning rate of its last step."""
    score: float | None
    """Of validation, where there is any: higher is better."""
    seconds: float


@final
@dataclass(frozen=True)
class Fitted:
    """What came out."""

    tensors: dict[str, Tensor]
    """What changed in the model, of the best epoch, on the CPU."""
    objective: dict[str, Tensor]
    """Parameters of the objective, of the same."""
    epochs: tuple[Told, ...]
    best: int
    """The epoch kept, from 1."""


@final
@dataclass
class Fit:
    """One run: an encoder whose model a method has prepared, and what it learns from."""

    encoder: TorchEncoder
    training_modules: Sequence[nn.Module]
    """As `Method.prepare` gives them."""
    blocks: Sequence[nn.Module]
    """What is computed again for gradients, where that is asked for."""
    objective: Objective
    examples: Examples
    training: Training
    validate: Callable[[], float] | None = None
    """Called after each epoch, the model in evaluation mode; higher is better."""
    folder: Path | None = None
    """Where the state is kept; None keeps none."""
    fingerprint: str = ""
    """Of all that decides the outcome: a state of another run is refused."""
    progress: Progress = field(default_factory=Silent)

    def go(self) -> Fitted:
        """Train to the end. The state stays: who has kept what came out drops it (`state.drop_state`).

        Raises:
            AdaptError: the loss is no number, or the device has no room.
            UsageError: the folder holds another run's state.
        """
        assert self.encoder.towers is not None  # who prepared the model looked
        parameters = parameter_groups(self.encoder.model, self.encoder.towers, self.objective, self.training)
        optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98))
        state = (load_state(self.folder, self.fingerprint) if self.folder else None) or State()
        self._put(state, optimizer)
        count = len(self.examples)
        per_epoch = math.ceil(count / self.training.batch)
        steps = per_epoch * self.training.epochs
        self.progress.start("adapting", steps)
        self.progress.advance(state.step)
        with torch.random.fork_rng(), _steady(), self._room():
            self._train(state, optimizer, per_epoch, steps)
        best = {name.removeprefix("best."): value for name, value in state.tensors.items()}
        put(self.encoder.model, {name: value for name, value in best.items() if not name.startswith("objective.")})
        self._mode(training=False)
        of_objective = {name.removeprefix("objective."): value for name, value in best.items() if name.startswith("objective.")}
        tensors = {name: value for name, value in best.items() if not name.startswith("objective.")}
        return Fitted(tensors, of_objective, tuple(Told(**one) for one in state.told["epochs"]), state.told["best"])

    def _train(self, state: State, optimizer: torch.optim.AdamW, per_epoch: int, steps: int) -> None:
        scaler = torch.amp.GradScaler(self.encoder.device.type, enabled=self.training.precision == "fp16")
        if "scaler" in state.told:
            scaler.load_state_dict(state.told["scaler"])
        model, losses = Model(self.encoder), list[float](state.told.get("losses", []))
        saved = began = time.monotonic()
        self._mode(training=True)
        for step in range(state.step, steps):
            if self._ended(state):
                break
            if step % per_epoch == 0:
                losses, began = [], time.monotonic()
            losses.append(self._step(step, per_epoch, steps, model, optimizer, scaler))
            state.step = step + 1
            if state.step % per_epoch == 0:
                optimizer.zero_grad(set_to_none=True)  # before the best is copied: that takes as much as gradients of everything
                self._validate(state, losses, optimizer, began)
                self._mode(training=True)
            if self.folder and (state.step % per_epoch == 0 or time.monotonic() - saved > SAVE_SECONDS):
                state.told |= {"losses": losses, "scaler": scaler.state_dict()}
                self._keep(state, optimizer)
                saved = time.monotonic()
            self.progress.advance(1, f"loss {losses[-1]:.4f}")

    def _step(
        self, step: int, per_epoch: int, steps: int, model: Model, optimizer: torch.optim.AdamW, scaler: torch.amp.GradScaler
    ) -> float:
        rows = self._rows(step, per_epoch)
        factor = self.training.rate_at(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        torch.manual_seed(_seed(self.training.seed, step))  # what a step draws follows from its number: it can be gone on with from any
        optimizer.zero_grad(set_to_none=True)
        try:
            with self._autocast():
                loss = self.objective.backward(model, self.parts(rows), scaler.scale)
            if not math.isfinite(loss):
                raise AdaptError(self._no_number(loss, step, per_epoch, rows))
            scaler.unscale_(optimizer)
            if self.training.clip:
                every = [parameter for group in optimizer.param_groups for parameter in group["params"]]
                norm = torch.nn.utils.clip_grad_norm_(every, self.training.clip)
                if not torch.isfinite(norm) and not scaler.is_enabled():
                    raise AdaptError(self._no_number(float(norm), step, per_epoch, rows, "the gradient's norm"))
            scaler.step(optimizer)
            scaler.update()
        except (RuntimeError, MemoryError) as error:
            if not (is_out_of_device_memory(error) or isinstance(error, MemoryError) or _CPU_FULL in str(error)):
                raise
            raise AdaptError(self._no_room(len(rows))) from error
        return loss

    def _rows(self, step: int, per_epoch: int) -> list[int]:
        """Each epoch goes through all examples in an order of its own."""
        epoch, place = divmod(step, per_epoch)
        order = np.random.Generator(np.random.PCG64([self.training.seed, epoch])).permutation(len(self.examples))
        return order[place * self.training.batch : (place + 1) * self.training.batch].tolist()

    def parts(self, rows: list[int]) -> list[Part]:
        """The examples of a step, as many at a time as are asked for."""
        size = self.training.micro or len(rows)

        def part(some: list[int]) -> Part:
            return Part(len(some), lambda: self.examples.take(some))

        return [part(rows[start : start + size]) for start in range(0, len(rows), size)]

    def _mode(self, *, training: bool) -> None:
        """Everything in evaluation mode, but for what trains."""
        self.encoder.model.eval()
        self.objective.train(training)
        for module in self.training_modules if training else ():
            module.training = True

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Memory taken for speed; with checkpointing, time taken for memory."""
        if self.training.checkpointing:
            with freed_is_given_back(), checkpointed(self.blocks):
                yield
        else:
            with freed_is_kept():
                yield

    def _autocast(self) -> Any:
        if self.training.precision == "float32":
            return nullcontext()
        return torch.autocast(self.encoder.device.type, PRECISIONS[self.training.precision])

    def _validate(self, state: State, losses: list[float], optimizer: torch.optim.AdamW, began: float) -> None:
        self._mode(training=False)
        score = None
        if self.validate is not None:
            with torch.no_grad():
                score = self.validate()
        epochs = state.told.setdefault("epochs", [])
        rate = max(group["lr"] for group in optimizer.param_groups)
        epochs.append(vars(Told(len(epochs) + 1, float(np.mean(losses)), rate, score, round(time.monotonic() - began, 1))))
        best = state.told.get("best_score")
        if score is None or best is None or score > best:
            state.told |= {"best_score": score, "best": len(epochs)}
            self._copy_best(state)
        self.progress.advance(
            0, f"epoch {len(epochs)}: loss {epochs[-1]['loss']:.4f}" + ("" if score is None else f", validation {score:.4f}")
        )

    def _copy_best(self, state: State) -> None:
        """Over those before, where there are some: never two of them at once."""
        with torch.no_grad():
            for name, value in self._trained().items():
                held = state.tensors.get(f"best.{name}")
                state.tensors[f"best.{name}"] = value.detach().cpu().clone() if held is None else held.copy_(value)

    def _ended(self, state: State) -> bool:
        """Whether validation got no better for long."""
        epochs = len(state.told.get("epochs", []))
        waited = self.validate is not None and self.training.patience > 0
        return waited and epochs - state.told.get("best", 0) >= self.training.patience > 0 and epochs > 0

    def _trained(self) -> dict[str, Tensor]:
        return changed(self.encoder.model) | {f"objective.{name}": value for name, value in self.objective.named_parameters()}

    def _keep(self, state: State, optimizer: torch.optim.AdamW) -> None:
        assert self.folder is not None
        weights = {f"weights.{name}": value for name, value in self._trained().items()}
        save_state(self.folder, self.fingerprint, State(state.step, state.tensors | weights | moments(optimizer), state.told))

    def _put(self, state: State, optimizer: torch.optim.AdamW) -> None:
        """A state that was kept, into the model and the optimizer; the best so far alone stays in it."""
        with torch.no_grad():
            for name, value in self._trained().items():
                if f"weights.{name}" in state.tensors:
                    value.copy_(state.tensors[f"weights.{name}"])
        put_moments(optimizer, state.tensors, state.step)
        state.tensors = {name: value for name, value in state.tensors.items() if name.startswith("best.")}

    def _no_number(self, value: float, step: int, per_epoch: int, rows: list[int], what: str = "the loss") -> str:
        names = self.examples.names(rows)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} others" if len(names) > 8 else "")
        return (
            f"{what} is {value} at step {step + 1} (epoch {step // per_epoch + 1}), batch of {shown}; no weight took part of it: "
            "try a smaller --learning-rate, or --precision float32, or look at these scans"
        )

    def _no_room(self, count: int) -> str:
        micro = self.training.micro or count
        ways = [f"--micro {max(1, micro // 2)} (now {micro} at once)"] if micro > 1 else []
        ways += [] if self.training.checkpointing else ["--checkpointing"]
        ways += ["--precision bf16"] if self.training.precision == "float32" else []
        return f"{self.encoder.device} has no room for a training step; try {', or '.join(ways or ['a smaller model, or fewer --layers'])}"


@contextmanager
def _steady() -> Iterator[None]:
    """Kernels of one result, and attention through its own modules: torch's fast path would pass over what a method put into them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=before)


def _seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def backbone_of(encoder: TorchEncoder) -> Backbone:
    """An encoder's model, for methods.

    Raises:
        AdaptError: it does not say which modules are whose.
    """
    if encoder.towers is None:
        raise AdaptError(
            f"encoder {encoder.spec.name!r} does not say which of its modules are its image side: its code has to give TorchEncoder "
            "towers=Towers(...)"
        )
    return Backbone(encoder.model, encoder.towers, encoder.spec.name)
