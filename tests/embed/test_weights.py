from __future__ import annotations

import torch
from torch import nn

from scanbank.embed.weights import weights_digest


def test_a_digest_is_of_values_and_not_of_how_they_lie() -> None:
    """A number cut out of a table has that table's stride, and so have weights whose channels are last in memory."""
    digests: list[str] = []
    for number, kernel in (
        (torch.tensor([1.0]), torch.arange(16.0).view(2, 2, 2, 2)),
        (torch.tensor([[1.0, 2.0]])[:, 0].clone(), torch.arange(16.0).view(2, 2, 2, 2).contiguous(memory_format=torch.channels_last)),
        (torch.tensor([2.0]), torch.arange(16.0).view(2, 2, 2, 2)),
    ):
        model = nn.Module()
        model.register_buffer("number", number)
        model.kernel = nn.Parameter(kernel)
        model.register_buffer("nothing", torch.zeros(0, 3))
        digests.append(weights_digest(model))
    assert digests[0] == digests[1] != digests[2]
