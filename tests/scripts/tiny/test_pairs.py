import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from scanbank.embed.tiny.image import ImageConfig
from scanbank.embed.tiny.model import TinyModel
from scanbank.embed.tiny.text import TextConfig
from scanbank.scripts.tiny.data import Sample
from scanbank.scripts.tiny.pairs import Batch, text_losses
from scanbank.scripts.tiny.refine import _dropped
from scanbank.scripts.tiny.texts import Claim, Text


def softplus(x: float) -> float:
    return float(np.log1p(np.exp(x)))


@pytest.fixture
def model() -> TinyModel:
    """Logits are 2 * cosine - 1: the prior of every text is 0."""
    image = ImageConfig(((-1.0, 1.0),), (0.0,), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(1, 1), dim=2)
    words = Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    made = TinyModel(image, TextConfig(2, width=8, layers=1, heads=2, context=8, dim=2), words)
    with torch.no_grad():
        made.log_scale.fill_(np.log(2))
        made.bias.fill_(-1)
        made.prior.weight.zero_()
        made.prior.bias.zero_()
    return made


def sample(study: str) -> Sample:
    return Sample("p", study, "A", True, "A report.", (), {}, "f.npy", 0, (0.0, 2.0, 4.0, 6.0))


def test_losses_by_hand(model: TinyModel) -> None:
    """Two reconstructions of one study share its report; one sentence points at the upper depth of the second."""
    volume = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    words = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    depth = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    said = [Text("Here.", (Claim("nodule", "present", ""),), own=1, z_mm=5.0)]
    batch = Batch([sample("s"), sample("s")], said, torch.tensor([[-1.0], [1.0]]))
    whole, statements, depths = text_losses(model, volume, depth, torch.ones(2, 2, dtype=torch.bool), words, batch, 0.1)
    assert whole.item() == pytest.approx(softplus(-1) + softplus(1))  # per report: logits 1 and -1, both of them true
    assert statements.item() == pytest.approx(softplus(-1) + softplus(-1))
    assert depths.item() == pytest.approx(softplus(-2), abs=1e-5)  # the right one of two depths, by a logit of 2


def test_other_studies_are_other_reports(model: TinyModel) -> None:
    volume = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    words = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    batch = Batch([sample("s"), sample("t")], [], torch.zeros(2, 1))
    whole, statements, depths = text_losses(model, volume, torch.zeros(2, 2, 2), torch.ones(2, 2, dtype=torch.bool), words, batch, 1.0)
    assert whole.item() == pytest.approx(2 * softplus(-1))
    assert (statements.item(), depths.item()) == (0, 0)


def test_what_is_dropped_is_the_mean_of_its_scan() -> None:
    pooled = np.random.default_rng(0).random((50, 20, 4)).astype(np.float16)
    values = _dropped(pooled, 0.2, np.random.default_rng(1))
    changed = (values != pooled.astype(np.float32)).any(2)
    assert 0.1 < changed.mean() < 0.3
    np.testing.assert_allclose(values[changed], np.repeat(pooled.astype(np.float32).mean(2)[changed][:, None], 4, 1), rtol=1e-6)
