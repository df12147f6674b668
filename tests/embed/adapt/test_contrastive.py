from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from scanbank.embed.adapt import contrastive
from scanbank.embed.adapt.contrastive import Contrast, Contrastive
from scanbank.embed.adapt.mixing import Mix
from scanbank.embed.adapt.objective import Model
from scanbank.embed.adapt.pointing import Pointers
from scanbank.embed.adapt.prompts import Prompts
from scanbank.embed.adapt.reports import Reports
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.store.errors import UnknownNameError, UsageError
from toy_towers import gradients, model_of, toy, toy_batch, toy_parts

NAN = float("nan")
REPORTS = Reports([["A nodule.", "nodule seen"], ["Clear lungs."], ["Effusion on the left."], ["Clear  lungs."], ["A mass."], ["Scars"]])
TARGETS = np.array([[1, 0], [0, NAN], [NAN, 1], [0, 0], [1, 0], [NAN, NAN]], np.float32)
PROMPTS = Prompts(("nodule", "effusion"), (("a nodule", "nodules"), ("fluid",)), (("no nodule", "no nodules"), ("no fluid",)))
Z_MM = np.array([[0, 10, 20]] * 5 + [[0, 10, NAN]], np.float32)
POINTERS = Pointers([[("a nodule here", 10.0)], [], [("fluid", 0.0), ("at the base", 5.0)], [], [], [("scars", 10.0)]], Z_MM)
ROWS = [3, 0, 5, 2, 1, 4]
PLAIN = Contrast(smoothing=0, mixup=0, prompt_weight=0, pointer_weight=0)


def objective(encoder: TorchEncoder, how: Contrast) -> Contrastive:
    return Contrastive(encoder, REPORTS, how, targets=TARGETS, prompts=PROMPTS, pointers=POINTERS)


@pytest.mark.parametrize("loss", ["clip", "siglip"])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("trains", "mixup"), [(("image", "text"), 2.0), (("image",), 0.0), (("text",), 2.0)])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(loss: str, size: int, trains: tuple[str, ...], mixup: float) -> None:
    encoder = toy(trains=trains)
    learned = objective(encoder, Contrast(loss, mixup=mixup)).double()
    torch.manual_seed(5)
    whole = learned.backward(Model(encoder), toy_parts(ROWS, 6), lambda loss: loss)
    expected = gradients(encoder.model)
    torch.manual_seed(5)
    assert learned.backward(Model(encoder), toy_parts(ROWS, size), lambda loss: 8 * loss) == pytest.approx(whole, rel=1e-6)
    found = {name: value / 8 for name, value in gradients(encoder.model).items()}  # loss scaling goes through
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert {name.split(".")[1] for name in expected} == {*trains, "log_scale", *(["bias"] if loss == "siglip" else [])}


def test_the_reports_term_by_hand() -> None:
    encoder = toy(named=False)
    learned = objective(encoder, PLAIN)
    rows = [0, 1, 2, 3]  # reports 1 and 3 differ in spaces alone
    images = model_of(encoder).volumes(toy_batch(rows).pixels).vector.detach()
    torch.manual_seed(1)
    found = learned.loss(Model(encoder), toy_batch(rows)).item()
    expected = set()
    for first in REPORTS.wordings[0]:
        words = model_of(encoder).texts([first, "Clear lungs.", "Effusion on the left.", "Clear  lungs."]).detach()
        logits = images @ words.T / 0.07
        target = torch.tensor([[1, 0, 0, 0], [0, 0.5, 0, 0.5], [0, 0, 1, 0], [0, 0.5, 0, 0.5]], dtype=torch.float64)
        both = [-(target * one.log_softmax(1)).sum() / 4 for one in (logits, logits.T)]
        expected.add(round(float(sum(both) / 2), 5))
    assert round(found, 5) in expected


def test_the_diseases_term_by_hand() -> None:
    encoder = toy()
    alone = replace(PLAIN, report_weight=0, prompt_weight=0.5)
    learned = Contrastive(encoder, REPORTS, alone, targets=TARGETS, prompts=Prompts.plain(["nodule", "effusion"]))
    rows = [0, 1, 2]
    images = model_of(encoder).volumes(toy_batch(rows).pixels).vector
    words = model_of(encoder).texts(["Nodule is present.", "Effusion is present.", "Nodule is not present.", "Effusion is not present."])
    cosines = (images @ words.T).detach().numpy()
    margins = np.exp(1) * (cosines[:, :2] - cosines[:, 2:])
    # known: 0 nodule yes, 0 effusion no, 1 nodule no, 2 effusion yes; absent over present: 2 / 2 and 3 / 1
    losses = [np.log1p(np.exp(-margins[0, 0])), np.log1p(np.exp(margins[0, 1]))]
    losses += [np.log1p(np.exp(margins[1, 0])), 3 * np.log1p(np.exp(-margins[2, 1]))]
    assert learned.loss(Model(encoder), toy_batch(rows)).item() == pytest.approx(0.5 * np.mean(losses), rel=1e-5)
    np.testing.assert_allclose(learned.scores(images.detach()).numpy(), margins, rtol=1e-5)


def test_the_pointers_term_by_hand() -> None:
    encoder = toy()
    learned = objective(encoder, replace(PLAIN, report_weight=0, pointer_weight=2.0, sigma_mm=10))
    rows = [1, 5]
    depth = model_of(encoder).volumes(toy_batch(rows).pixels).depth[1, :2].detach()  # the third step of 5 is padding
    logits = (depth @ model_of(encoder).texts(["scars"])[0].detach()) / 0.1
    target = torch.tensor([np.exp(-0.5), 1.0], dtype=torch.float64) / (np.exp(-0.5) + 1)
    expected = -2 * (target * logits.log_softmax(0)).sum().item()
    assert learned.loss(Model(encoder), toy_batch(rows)).item() == pytest.approx(expected, rel=1e-5)


def test_mixup_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything against mixtures that are made here: pixels, vectors of reports, and terms of both scans."""
    encoder, rows = toy(), [4, 2]
    monkeypatch.setattr(Mix, "drawn", lambda *_: Mix(0.75, 1))
    how = Contrast(smoothing=0, prompt_weight=0.5, pointer_weight=0.4)
    pointers = Pointers([[]] * 2 + [[("fluid", 0.0)]] + [[]] * 3, Z_MM)
    prompts = Prompts.plain(["nodule", "effusion"])
    found = Contrastive(encoder, REPORTS, how, targets=TARGETS, prompts=prompts, pointers=pointers).loss(Model(encoder), toy_batch(rows))
    pixels = toy_batch(rows).pixels
    seen = model_of(encoder).volumes(torch.stack([0.75 * pixels[0] + 0.25 * pixels[1], 0.75 * pixels[1] + 0.25 * pixels[0]]))
    said = model_of(encoder).texts(["A mass.", "Effusion on the left."])
    said = functional.normalize(torch.stack([0.75 * said[0] + 0.25 * said[1], 0.75 * said[1] + 0.25 * said[0]]), dim=-1)
    logits = np.exp(1) * seen.vector @ said.T
    target = torch.tensor([[1, 0.6], [0.6, 1]], dtype=torch.float64) / 1.6  # 2 * 3/16 in common of 10/16
    expected = sum(-(target * one.log_softmax(1)).sum() / 2 for one in (logits, logits.T)) / 2
    words = model_of(encoder).texts(["Nodule is present.", "Effusion is present.", "Nodule is not present.", "Effusion is not present."])
    margins = np.exp(1) * seen.vector @ (words[:2] - words[2:]).T
    plus = functional.softplus
    scan_4 = lambda at: (plus(-margins[at, 0]) + plus(margins[at, 1])) / 3  # noqa: E731 - nodule, no effusion, of three known labels
    scan_2 = lambda at: 3 * plus(-margins[at, 1]) / 3  # noqa: E731 - effusion, which is rare
    expected = expected + 0.5 * (0.75 * (scan_4(0) + scan_2(1)) + 0.25 * (scan_4(1) + scan_2(0)))
    shares = torch.exp(-0.5 * (torch.tensor([0.0, 10.0, 20.0], dtype=torch.float64) / 24) ** 2)
    shares /= shares.sum()
    fluid = model_of(encoder).texts(["fluid"])[0]
    points = [-(shares * (seen.depth[at] @ fluid / 0.1).log_softmax(0)).sum() for at in (0, 1)]
    expected = expected + 0.4 * (0.75 * points[1] + 0.25 * points[0])
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_texts_come_in_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same gradients, however few are encoded at once."""
    monkeypatch.setattr(contrastive, "_TEXTS", 1)
    test_a_batch_in_parts_has_the_gradients_of_the_whole("clip", 4, ("image", "text"), 2.0)


def test_what_is_drawn_follows_from_torchs_seed() -> None:
    encoder = toy(dropout=0.3)
    learned, losses = objective(encoder, Contrast()), []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        losses.append(learned.backward(Model(encoder), toy_parts(ROWS, 2), lambda loss: loss))
    assert losses[0] == losses[2] != losses[1]


def test_it_learns_to_tell_reports() -> None:
    rows = list(range(12))
    reports = Reports([[f"report {'abcdefghijkl'[row]}"] for row in rows])
    encoder = toy()
    learned = Contrastive(encoder, reports, Contrast(mixup=0))
    optimizer = torch.optim.Adam([one for one in encoder.model.parameters() if one.requires_grad], lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(learned.backward(Model(encoder), toy_parts(rows, 5), lambda loss: loss))
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="6 reports, 5 rows of labels; expected one of each for every training scan"):
        Contrastive(toy(), REPORTS, targets=TARGETS[:5], prompts=PROMPTS)
    with pytest.raises(UsageError, match="needs both labels and prompts"):
        Contrastive(toy(), REPORTS, targets=TARGETS)
    flat = toy()
    flat.gives_depth = False
    with pytest.raises(UsageError, match="'toy' gives no vectors along depth"):
        Contrastive(flat, REPORTS, pointers=POINTERS)
    with pytest.raises(UsageError, match="no prompts to score with"):
        Contrastive(toy(), REPORTS).scores(torch.zeros(1, 4))
    with pytest.raises(UnknownNameError, match="did you mean 'siglip'"):
        Contrast("siglop")
    with pytest.raises(UsageError, match="tau 0: expected a number over 0"):
        Contrast(tau=0)
