import pytest
import torch
from tokenizers import Tokenizer, models

from scanbank.embed.tiny.image import ImageConfig
from scanbank.embed.tiny.model import TinyModel
from scanbank.embed.tiny.text import TextConfig
from scanbank.scripts.tiny.state import read_state, write_state


def fresh(seed: int) -> tuple[TinyModel, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    image = ImageConfig(((-1.0, 1.0),), (0.0,), widths=(4, 8, 16, 16), blocks=(1, 1), grid=(1, 1), dim=8)
    words = Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1, "no": 2, "effusion": 3}, unk_token="[UNK]"))
    model = TinyModel(image, TextConfig(4, width=8, layers=1, heads=2, context=8, dim=8), words)
    return model, torch.optim.AdamW(model.parameters(), lr=1e-2)


def train(model: TinyModel, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        torch.manual_seed(step)
        volume, _, _ = model.image(torch.rand(2, 1, 4, 16, 16) * 2 - 1)
        loss = ((volume @ model.encode_texts(["no effusion", "effusion"]).T) * model.log_scale + model.bias).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path):
    whole, optimizer = fresh(0)
    train(whole, optimizer, range(6))
    first, optimizer = fresh(0)
    train(first, optimizer, range(3))
    write_state(tmp_path / "state", 3, first, optimizer, "settings")
    second, optimizer = fresh(99)
    assert read_state(tmp_path / "state", second, optimizer, "settings") == 3
    train(second, optimizer, range(3, 6))
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, rtol=0, atol=0)


def test_nothing_there_is_a_beginning(tmp_path):
    assert read_state(tmp_path / "state", *fresh(0), "settings") == 0


def test_a_state_of_other_settings_is_refused(tmp_path):
    model, optimizer = fresh(0)
    write_state(tmp_path / "state", 3, model, optimizer, "settings")
    with pytest.raises(SystemExit, match="other settings"):
        read_state(tmp_path / "state", model, optimizer, "others")
