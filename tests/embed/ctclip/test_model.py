"""CT-CLIP against the published implementation's outcome, transformers' BERT, and what follows from its formulas."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import BertConfig as LibraryConfig
from transformers import BertModel

from scanbank.embed.ctclip import CTCLIP, CTCLIPConfig
from scanbank.embed.ctclip.bert import Bert
from scanbank.store.errors import EncoderError
from small_ctclip import CONFIG, CONFIGS, small, volumes


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


class TestGoldens:
    """A reduced model that the published implementation ran on the CPU."""

    @pytest.fixture
    def model(self, goldens) -> CTCLIP:
        return CTCLIP.from_checkpoint(goldens / "ctclip" / "checkpoint.pt")

    @pytest.fixture
    def expected(self, goldens) -> dict[str, torch.Tensor]:
        return load_file(goldens / "ctclip" / "io.safetensors")

    def test_the_configuration_is_the_one_beside(self, model, goldens):
        said = json.loads((goldens / "ctclip" / "config.json").read_text())
        assert model.config == CTCLIPConfig.from_dict(said)
        assert model.config.to_dict()["ctvit"] == said["ctvit"]

    @pytest.mark.parametrize("rows", [None, 1, 3])
    def test_encoded_tokens(self, model, expected, rows):
        torch.testing.assert_close(model.encode_tokens(expected["volume"], rows), expected["encoded_tokens"], atol=1e-6, rtol=0)

    def test_latents_and_logits(self, model, expected):
        images = model.encode_image(expected["volume"])
        texts = model.encode_text(expected["input_ids"], expected["attention_mask"])
        torch.testing.assert_close(images, expected["image_latents"], atol=1e-6, rtol=0)
        torch.testing.assert_close(texts, expected["text_latents"], atol=1e-6, rtol=0)
        torch.testing.assert_close(model.logits(texts, images), expected["logits"], atol=2e-6, rtol=0)


class TestImages:
    @pytest.mark.parametrize("name", CONFIGS)
    def test_in_parts_it_is_the_same(self, name, monkeypatch):
        config = CONFIGS[name]
        model, x = small(config), volumes(config)
        whole = model.visual_transformer.tokens(x)
        for rows in (1, 2, 100):
            torch.testing.assert_close(model.visual_transformer.tokens(x, rows), whole, atol=1e-5, rtol=0)
        tokens = model.encode_tokens(x)
        for module in ("attention", "ctvit"):
            monkeypatch.setattr(f"scanbank.embed.ctclip.{module}.CHUNK_VALUES", 100)
        torch.testing.assert_close(model.visual_transformer.tokens(x), whole, atol=1e-5, rtol=0)
        assert torch.equal(model.encode_tokens(x), tokens)

    @pytest.mark.parametrize("name", CONFIGS)
    def test_shapes_lengths_and_batches(self, name):
        config = CONFIGS[name]
        model, x = small(config), volumes(config, 3)
        tokens, vectors = model.encode_tokens(x), model.encode_image(x)
        assert tokens.shape == (3, config.frames // config.temporal_patch_size, *config.grid, config.dim)
        assert vectors.shape == (3, config.dim_latent)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
        torch.testing.assert_close(vectors, torch.cat([model.encode_image(one[None]) for one in x]), atol=1e-5, rtol=0)

    def test_a_batch_of_none_is_empty(self):
        model = small()
        assert model.encode_image(torch.zeros(0, 1, 9, 24, 24)).shape == (0, 16)
        assert model.step_latents(model.encode_tokens(torch.zeros(0, 1, 9, 24, 24))).shape == (0, 3, 16)

    def test_other_depths_are_taken(self):
        model = small()
        assert model.encode_tokens(torch.zeros(1, 1, 15, 24, 24)).shape == (1, 5, 4, 4, 20)

    @pytest.mark.parametrize("shape", [(1, 9, 24, 24), (1, 3, 9, 24, 24), (1, 1, 10, 24, 24), (1, 1, 9, 24, 30), (1, 1, 0, 24, 24)])
    def test_other_shapes_are_told(self, shape):
        with pytest.raises(EncoderError, match=r"takes volumes \(B, 1, D, 24, 24\) with D a multiple of 3; found 1x"):
            small().encode_tokens(torch.zeros(shape))

    def test_tokens_are_the_codebooks_nearest_directions(self):
        model, x = small(), volumes()
        codes = model.visual_transformer.vq._codebook.embed[0].double()
        raw = model.visual_transformer.tokens(x).double()
        cosines = torch.einsum("...d,cd->...c", raw / raw.norm(dim=-1, keepdim=True), codes / codes.norm(dim=1, keepdim=True))
        assert torch.equal(model.encode_tokens(x).double(), codes[cosines.argmax(-1)])

    def test_the_volume_is_the_mean_of_its_steps(self):
        model = small()
        tokens = model.encode_tokens(volumes())
        steps = torch.stack([model.to_visual_latent(tokens[:, t].reshape(2, -1)) for t in range(3)], 1)
        torch.testing.assert_close(model.image_latents(tokens), functional.normalize(steps.mean(1), dim=-1))
        torch.testing.assert_close(model.step_latents(tokens), functional.normalize(steps, dim=-1))

    @pytest.mark.parametrize("name", ["square", "nulls"])
    def test_half_precision_is_near(self, name):
        model, x = small(CONFIGS[name]), volumes(CONFIGS[name])
        exact = model.visual_transformer.tokens(x)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model.visual_transformer.tokens(x)
            assert model.encode_tokens(x).dtype == torch.float32  # the codebook's own
        half = model.to(torch.bfloat16).visual_transformer.tokens(x.bfloat16())
        for found in (mixed, half):
            assert functional.cosine_similarity(found.float(), exact, dim=-1).min() > 0.995

    def test_gradients_flow_to_both_towers(self):
        with torch.inference_mode(mode=False):
            model = small()
            x = volumes().requires_grad_()
            model.visual_transformer.tokens(x).square().sum().backward()
            assert x.grad is not None
            assert x.grad.abs().sum() > 0
            model.encode_text(torch.ones(1, 4, dtype=torch.int64), torch.ones(1, 4))[0, 0].backward()
            assert model.text_transformer.embeddings.word_embeddings.weight.grad is not None


class TestTexts:
    @pytest.mark.parametrize("name", ["square", "text"])
    def test_the_tower_is_transformers_bert(self, name):
        config = CONFIGS[name].bert
        torch.manual_seed(0)
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "max_position_embeddings")
        library = BertModel(
            LibraryConfig(type_vocab_size=config.type_vocab_size, **{name: getattr(config, name) for name in names}),
            add_pooling_layer=False,
        ).eval()
        for value in library.parameters():
            value.add_(0.1 * torch.randn_like(value))
        own = Bert(config).eval()
        own.load_state_dict({name: value for name, value in library.state_dict().items() if not name.endswith("_ids")})
        ids = torch.randint(0, config.vocab_size, (3, 11))
        mask = (torch.arange(11) < torch.tensor([[11], [7], [1]])).long()
        found, expected = own(ids, mask), library(ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=0)

    def test_padding_changes_nothing(self):
        model = small()
        ids, mask = torch.randint(1, 50, (1, 6)), torch.ones(1, 6, dtype=torch.int64)
        padded = functional.pad(ids, (0, 14)), functional.pad(mask, (0, 14))
        torch.testing.assert_close(model.encode_text(*padded), model.encode_text(ids, mask), atol=1e-6, rtol=0)

    def test_more_pieces_than_places_are_told(self):
        with pytest.raises(EncoderError, match="takes texts of 20 pieces; found 21"):
            small().encode_text(torch.zeros(1, 21, dtype=torch.int64), torch.ones(1, 21))


def test_logits_by_hand():
    model = small()
    model.temperature.fill_(2.0)
    texts, image = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(model.logits(texts, image), torch.tensor([0.0, 0.8 * 7.38905609893065]))


FULL = """
import resource, torch
from scanbank.embed.ctclip import CTCLIP, PUBLISHED
torch.manual_seed(0)
model = CTCLIP(PUBLISHED).eval()
with torch.inference_mode():
    tokens = model.encode_tokens(2 * torch.rand(1, 1, 240, 480, 480) - 1)
    assert tokens.shape == (1, 24, 24, 24, 512)
    vector = model.image_latents(tokens)
    assert vector.shape == (1, 512) and bool(torch.isfinite(vector).all())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_volume_of_the_published_size_fits_into_three_gigabytes():
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 3_000_000  # kilobytes; the weights are 1.14 million of them


def test_random_weights_come_from_the_seed():
    first, second, other = small(seed=3), small(seed=3), small(seed=4)
    assert torch.equal(first.encode_image(volumes(CONFIG)), second.encode_image(volumes(CONFIG)))
    assert not torch.equal(first.to_visual_latent.weight, other.to_visual_latent.weight)
