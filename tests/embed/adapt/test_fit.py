"""The loop: it learns, it goes on after a kill as if nothing had happened, and it says what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from scanbank.embed.adapt import fit as module
from scanbank.embed.adapt.errors import AdaptError
from scanbank.embed.adapt.fit import Fit, Fitted, backbone_of
from scanbank.embed.adapt.methods.base import changed
from scanbank.embed.adapt.methods.kinds import METHODS
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.adapt.objective import Batch, Model, Objective
from scanbank.embed.adapt.state import drop_state
from scanbank.embed.adapt.training import Training
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.embed.weights import seeded
from scanbank.store import EncoderSpec, ViewSpec
from scanbank.store.errors import UsageError

COUNT = 20


class Block(nn.Module):
    """Linear, GELU, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.dropout = nn.Linear(8, 8), nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(functional.gelu(self.inner(x)))


class Net(nn.Module):
    """Planes (B, 3, 4, 4) to vectors (B, 8); two blocks with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(48, 8)
        self.blocks = nn.ModuleList(Block() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.expand(-1, 3, -1, -1).flatten(1))
        for block in self.blocks:
            x = x + block(x)
        return x


def encoder() -> TorchEncoder:
    with seeded(3):
        net = Net()
    spec = EncoderSpec("net", "1", 8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return TorchEncoder(spec, ViewSpec(size=(4, 4)), net, torch.device("cpu"), slices=net)


class Data:
    """Planes whose brightness tells the class."""

    def __init__(self, count: int = COUNT) -> None:
        self.y = torch.arange(count) % 2
        self.pixels = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(0)) + self.y.view(-1, 1, 1, 1)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Sequence[int]) -> Batch:
        return Batch(tuple(rows), self.pixels[list(rows)], torch.arange(len(rows)))

    def names(self, rows: Sequence[int]) -> list[str]:
        return [f"item{row}" for row in rows]


class Labels(Objective):
    """Logistic regression on vectors."""

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        self.y, self.head = y.float(), nn.Linear(8, 1)

    def loss(self, model: Model, batch: Batch) -> Tensor:
        return functional.binary_cross_entropy_with_logits(self.head(model.vectors(batch))[:, 0], self.y[list(batch.rows)])

    def scores(self, vectors: Tensor) -> Tensor:
        return self.head(vectors)


def run(
    folder: Path | None = None, method: str = "full", validate: object = None, data: Data | None = None, **training: object
) -> tuple[Fitted, TorchEncoder]:
    model, data = encoder(), data or Data()
    with seeded(0):
        objective = Labels(data.y)
        modules = METHODS[method].prepare(backbone_of(model), Moving(method))
    how = Training(**{"epochs": 4, "batch": 6, "learning_rate": 1e-2, **training})  # pyright: ignore
    blocks = list(model.model.get_submodule("blocks").children())
    fit = Fit(model, modules, blocks, objective, data, how, validate, folder, "mine")  # pyright: ignore
    return fit.go(), model


def test_it_learns_and_gives_back_what_changed() -> None:
    before = {name: value.clone() for name, value in encoder().model.state_dict().items()}
    fitted, model = run(epochs=20)
    assert fitted.epochs[-1].loss < 0.5 * fitted.epochs[0].loss
    assert fitted.best == 20  # without validation the last epoch is kept
    assert fitted.tensors.keys() == before.keys()
    for name, value in model.model.state_dict().items():
        assert torch.equal(fitted.tensors[name], value)
        assert not torch.equal(value, before[name])
    assert set(fitted.objective) == {"head.weight", "head.bias"}


@pytest.mark.parametrize("kill_at", [1, 5, 9])
def test_a_killed_run_goes_on_to_the_same_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int) -> None:
    whole, _ = run()
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.0)  # each step is saved

    class KilledError(Exception):
        pass

    class Dying(Data):
        steps = 0

        def take(self, rows: Sequence[int]) -> Batch:
            if self.steps == kill_at:
                raise KilledError
            self.steps += 1
            return super().take(rows)

    with pytest.raises(KilledError):
        run(tmp_path, data=Dying())
    assert list(tmp_path.iterdir())
    torch.manual_seed(99)  # whatever the next process draws before
    again, _ = run(tmp_path)
    for name, value in whole.tensors.items():
        assert torch.equal(value, again.tensors[name]), name
    assert [one.loss for one in again.epochs] == [one.loss for one in whole.epochs]
    drop_state(tmp_path)  # as who keeps what came out does
    assert not list(tmp_path.iterdir())


def test_parts_of_a_batch_give_the_gradients_of_the_whole() -> None:
    """Without dropout, which draws by part."""
    calm, modules = encoder(), [Data(), Data()]
    for block in calm.model.modules():
        if isinstance(block, nn.Dropout):
            block.p = 0.0
    found: list[Tensor] = []
    for size in (6, 2):
        objective = Labels(modules[0].y)
        nn.init.ones_(objective.head.weight)
        nn.init.zeros_(objective.head.bias)
        calm.model.requires_grad_(requires_grad=True).zero_grad()
        fit = Fit(calm, [], [], objective, modules[0], Training(batch=6, micro=size))
        objective.backward(Model(calm), fit.parts(list(range(6))), lambda loss: loss)
        gradient = calm.model.get_parameter("stem.weight").grad
        assert gradient is not None
        found.append(gradient.clone())
    torch.testing.assert_close(found[0], found[1])


def test_checkpointing_changes_no_digit() -> None:
    plain, _ = run()
    again, _ = run(checkpointing=True)
    for name, value in plain.tensors.items():
        assert torch.equal(value, again.tensors[name])


def test_it_ends_when_validation_gets_no_better_and_keeps_the_best() -> None:
    scores = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    fitted, model = run(validate=lambda: next(scores), epochs=6, patience=2)
    assert [one.score for one in fitted.epochs] == [0.5, 0.9, 0.8, 0.7]
    assert fitted.best == 2
    # the model is left as it was at the best epoch
    assert torch.equal(model.model.get_parameter("stem.weight"), fitted.tensors["stem.weight"])


def test_gradients_leave_their_room_to_the_best_that_is_copied() -> None:
    model, data, scores = encoder(), Data(), iter([0.5, 0.9, 0.8])
    METHODS["full"].prepare(backbone_of(model), Moving("full"))
    seen: list[Tensor | None] = []

    def validate() -> float:
        seen.extend(parameter.grad for parameter in model.model.parameters())
        return next(scores)

    Fit(model, [], [], Labels(data.y), data, Training(epochs=3, batch=6, learning_rate=1e-2), validate).go()
    assert seen
    assert all(gradient is None for gradient in seen)


def test_a_loss_that_is_no_number_says_where() -> None:
    data = Data()
    data.pixels[7] = float("nan")
    with pytest.raises(AdaptError, match=r"the loss is nan at step \d+ \(epoch 1\), batch of .*item7"):
        run(data=data)


def test_no_room_gives_advice() -> None:
    class Full(Data):
        def take(self, rows: Sequence[int]) -> Batch:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(AdaptError, match=r"--micro 3 \(now 6 at once\), or --checkpointing, or --precision bf16"):
        run(data=Full())


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"no such file")
    with pytest.raises(UsageError, match="damaged"):
        run(tmp_path)


def test_what_is_frozen_stays(tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in encoder().model.state_dict().items()}
    model, data = encoder(), Data()
    METHODS["partial"].prepare(backbone_of(model), Moving("partial", layers="upper:1"))
    assert set(changed(model.model)) == {"blocks.1.inner.weight", "blocks.1.inner.bias"}
    Fit(model, [], [], Labels(data.y), data, Training(epochs=2, batch=6, learning_rate=1e-2)).go()
    for name, value in model.model.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith("blocks.1")


def test_bf16_trains() -> None:
    fitted, _ = run(precision="bf16", epochs=10)
    assert fitted.epochs[-1].loss < fitted.epochs[0].loss
    assert all(value.dtype == torch.float32 for value in fitted.tensors.values())
