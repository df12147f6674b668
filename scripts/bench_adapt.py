"""What adaptation costs: the loop beside a bare step, memory and size of LoRA beside full fine-tuning, a refresh beside a first embed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, final

from scanbank.store import Bank
from scanbank.store.ingest import ingest

from .bench_figures import Figure, Sizes, rate, rounds, timed
from .bench_input import Series

_STEP = """import sys
from scanbank.scripts.bench_adapt import memory_of
print(*memory_of(sys.argv[1], sys.argv[2], int(sys.argv[3])))"""
"""Two steps in a process of its own, which tells what `memory_of` finds."""
_STEPS = 4


def adapt(folder: Path, sizes: Sizes) -> list[Figure]:
    """All of them."""
    return [_loop(sizes), *_memory(sizes), _refresh(folder, sizes)]


def _loop(sizes: Sizes) -> Figure:
    """The loop as it is used, with clipping, a schedule and checks, beside forward and backward alone."""
    import torch

    from scanbank.embed.adapt.fit import Fit
    from scanbank.embed.adapt.training import Training

    encoder, modules, objective, data = _prepared("lora", sizes.adapt_encoder, sizes.adapt_batch, _STEPS)
    batches = [data.take(range(at, at + sizes.adapt_batch)) for at in range(0, len(data), sizes.adapt_batch)]

    def ours() -> None:
        Fit(encoder, modules, [], objective, data, Training(epochs=1, batch=sizes.adapt_batch)).go()

    def bare() -> None:
        from scanbank.embed.adapt.objective import Model

        model = Model(encoder)
        for module in modules:  # as in the loop: dropout takes time too
            module.training = True
        with torch.enable_grad():
            for batch in batches:
                objective.zero_grad()
                encoder.model.zero_grad()
                objective.loss(model, batch).backward()

    found = rounds({"ours": lambda: timed(ours), "peer": lambda: timed(bare)}, sizes.slow_repeats + 1)
    what = f"training steps of LoRA on {sizes.adapt_encoder.partition('+')[0]}, batch {sizes.adapt_batch}"
    return rate(what, _STEPS, "steps/s", found["ours"], found["peer"], "forward and backward alone", round(1 / 1.1, 3))


def _memory(sizes: Sizes) -> list[Figure]:
    """Peaks of a process that opens a model and takes two steps, without its libraries, by method; and the artifact's size.

    The peak of training begins when the model is open: its weights are in it, what opening took besides is not. Both compute blocks again.
    """
    (size, low, low_trained), (whole, high, high_trained) = (_told(method, sizes) for method in ("lora", "full"))
    model = sizes.adapt_encoder.partition("+")[0]
    return [
        _less(f"peak memory of LoRA, rank 8, on {model}, batch {sizes.adapt_batch}, checkpointing", low_trained, high_trained, 0.6),
        _less("the same, with the opening of the model", low, high, 0.6),
        _less("size of what LoRA changed", size, whole, 0.03, "the backbone"),
    ]


def _less(what: str, ours: int, peer: int, most: float, peer_name: str = "full fine-tuning") -> Figure:
    """Of bytes, of which a share is wanted."""
    ratio = ours / peer
    return Figure(what, ours / 1e6, "MB", peer / 1e6, peer_name, ratio, wanted=f"ratio <= {most:g}", met=ratio <= most)


def _told(method: str, sizes: Sizes) -> tuple[int, int, int]:
    command = [sys.executable, "-c", _STEP, method, sizes.adapt_encoder, str(sizes.adapt_batch)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    size, peak, trained = map(int, done.stdout.split()[-3:])
    return size, peak, trained


def memory_of(method: str, uri: str, batch: int) -> tuple[int, int, int]:
    """Open a model and take two steps, in bytes: what changed, the peak, and the peak of the steps. What libraries take is not counted."""
    for library in ("peft", "timm"):
        import_module(library)
    from scanbank.embed.adapt.fit import Fit, backbone_of
    from scanbank.embed.adapt.methods.base import changed
    from scanbank.embed.adapt.moving import Moving
    from scanbank.embed.adapt.training import Training

    libraries = _resident("VmRSS")
    encoder, modules, objective, data = _prepared(method, uri, batch, 2)
    backbone = backbone_of(encoder)
    blocks = [backbone.model.get_submodule(name) for stack in backbone.stacks(Moving(method)) for name in stack.blocks]
    opened = _resident("VmHWM")
    with suppress(OSError):  # where that is not allowed, opening counts twice
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    Fit(encoder, modules, blocks, objective, data, Training(epochs=1, batch=batch, checkpointing=True, learning_rate=1e-5)).go()
    trained = _resident("VmHWM")
    size = sum(value.numel() * value.element_size() for value in changed(encoder.model).values())
    return size, max(opened, trained) - libraries, trained - libraries


def _resident(name: str) -> int:
    """Bytes: `VmRSS` now, `VmHWM` at most."""
    return next(1024 * int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))


def _refresh(folder: Path, sizes: Sizes) -> Figure:
    """Embedding with a child beside embedding with its parent, each into a bank that has neither."""
    from scanbank.embed import open_encoder
    from scanbank.embed.adapt.artifact import Artifact
    from scanbank.embed.adapt.card import Card
    from scanbank.embed.adapt.child import child_of
    from scanbank.embed.adapt.methods.base import changed
    from scanbank.embed.adapt.moving import Moving
    from scanbank.embed.pipeline import embed

    scans, slices = sizes.light_scans
    Series(slices, 128, sizes.seed).write(folder / "scans", scans)
    trained, *_ = _prepared("lora", "tiny", 1, 1)
    artifact = Artifact.made(Card("child", open_encoder("tiny").spec, "tiny", Moving("lora")), changed(trained.model))
    encoders = {"ours": child_of(_torch("tiny"), artifact), "peer": _torch("tiny")}
    banks = iter(range(1000))

    def job(name: str) -> Callable[[], float]:
        def run() -> float:
            bank = Bank.create(folder / f"bank{next(banks)}")
            ingest(bank, [folder / "scans"])
            return timed(lambda: embed(bank, encoders[name], workers=2))

        return run

    found = rounds({name: job(name) for name in encoders}, sizes.slow_repeats + 1)
    return rate(f"embedding {scans} scans with a child of tiny", scans, "scans/s", found["ours"], found["peer"], "its parent", 0.95)


@final
@dataclass(frozen=True)
class _Planes:
    """Examples in memory."""

    pixels: Any

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: Sequence[int]) -> Any:
        import torch

        from scanbank.embed.adapt.objective import Batch

        return Batch(tuple(rows), self.pixels[list(rows)], torch.arange(len(rows)))

    def names(self, rows: Sequence[int]) -> list[str]:
        return [str(row) for row in rows]


def _prepared(method: str, uri: str, batch: int, steps: int) -> tuple[Any, Any, Any, _Planes]:
    """An encoder whose model a method has prepared, its modules, an objective, and planes for so many steps."""
    import numpy as np
    import torch

    from scanbank.embed.adapt.fit import backbone_of
    from scanbank.embed.adapt.methods.kinds import METHODS
    from scanbank.embed.adapt.moving import Moving
    from scanbank.embed.adapt.supervised import Supervised

    encoder, count = _torch(uri), batch * steps
    modules = METHODS[method].prepare(backbone_of(encoder), Moving(method))
    shape = encoder.view.shape or (encoder.view.size or (224, 224))
    pixels = torch.randn(count, 1, *shape, generator=torch.Generator().manual_seed(0))
    objective = Supervised(encoder, (np.arange(max(2, count), dtype=np.float32) % 2)[:, None], ("finding",))
    return encoder, modules, objective, _Planes(pixels)


def _torch(uri: str) -> Any:
    from scanbank.embed import open_encoder

    return open_encoder(uri, device="cpu")
