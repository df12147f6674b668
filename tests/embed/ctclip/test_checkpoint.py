"""CT-CLIP's files: every published layout gives the same model; what is damaged, foreign or at odds is told in one line."""

import json
import pickle
import re
from dataclasses import replace

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import nn

from scanbank.embed.ctclip import CTCLIP
from scanbank.embed.ctclip.checkpoint import locate
from scanbank.embed.weights import weights_digest
from scanbank.store.errors import EncoderError, UsageError
from small_ctclip import BERT, CONFIG, published_state, small, volumes

SAID = {"bert": {"num_attention_heads": 12}, "frames": 9}
GET = r"models/CT-CLIP-Related of the Hugging Face dataset ibrahimhamamci/CT-RATE"


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


def lipro(state, prefix="trained_model."):
    return prefixed(state, prefix) | {"classifier.weight": torch.arange(48.0).view(3, 16), "classifier.bias": torch.ones(3)}


LAYOUTS = {
    "plain": lambda state: state,
    "DataParallel": lambda state: prefixed(state, "module."),
    "compiled": lambda state: prefixed(state, "module._orig_mod."),
    "trainer": lambda state: {"model": state, "optim": {"state": {}, "param_groups": []}, "steps": 5},
    "lightning": lambda state: {"state_dict": prefixed(state, "model."), "epoch": 3},
    "deep": lambda state: {"pkg": {"model": state}},
    "lipro": lipro,
    "lipro in DataParallel": lambda state: prefixed(lipro(state), "module."),
    "lipro under model": lambda state: lipro(state, "model."),
    "stripped": lambda state: {name: value for name, value in state.items() if "latent_extra" not in name and "pooler" not in name},
}


class TestLayouts:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_all_hold_the_same_model(self, tmp_path, layout):
        model = small()
        path = tmp_path / "model.pt"
        torch.save(LAYOUTS[layout](published_state(model)), path)
        found = CTCLIP.from_checkpoint(path, SAID)
        assert found.config == CONFIG
        assert not found.training
        assert (found.classifier is not None) == layout.startswith("lipro")
        found.classifier = None
        assert weights_digest(found) == weights_digest(model)
        with torch.inference_mode():
            assert torch.equal(found.encode_image(volumes()), model.encode_image(volumes()))

    def test_safetensors_and_old_files_of_torch(self, tmp_path):
        model = small()
        save_file({name: value.contiguous() for name, value in published_state(model).items()}, tmp_path / "model.safetensors")
        torch.save(published_state(model), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
        for name in ("model.safetensors", "old.pt"):
            assert weights_digest(CTCLIP.from_checkpoint(tmp_path / name, SAID)) == weights_digest(model)

    def test_halves_become_floats(self, tmp_path):
        state = {name: value.half() for name, value in small().state_dict().items()}
        torch.save(state, tmp_path / "half.pt")
        found = CTCLIP.from_checkpoint(tmp_path / "half.pt", SAID).state_dict()
        assert {value.dtype for value in found.values()} == {torch.float32}
        assert all(torch.equal(found[name], value.float()) for name, value in state.items())

    def test_a_model_does_not_change_with_its_file(self, tmp_path):
        path = tmp_path / "model.pt"
        torch.save(small().state_dict(), path)
        found = CTCLIP.from_checkpoint(path, SAID)
        before = weights_digest(found)
        with path.open("r+b") as stream:
            stream.write(bytes(path.stat().st_size))
        assert weights_digest(found) == before

    def test_the_head_of_lipro_by_hand(self, tmp_path):
        torch.save(lipro(small().state_dict()), tmp_path / "lipro.pt")
        found = CTCLIP.from_checkpoint(tmp_path / "lipro.pt", SAID)
        latents = torch.zeros(1, 16)
        latents[0, 2], latents[0, 5] = 0.6, -0.8  # the negative one goes in ReLU
        with torch.inference_mode():
            torch.testing.assert_close(found.classify(latents), torch.tensor([[2.2, 18 * 0.6 + 1, 34 * 0.6 + 1]]))
        with pytest.raises(EncoderError, match="no classifier"):
            small().classify(latents)


class TestConfiguration:
    def test_beside_the_checkpoint_given_or_neither(self, tmp_path):
        torch.save(small().state_dict(), tmp_path / "model.pt")
        assert CTCLIP.from_checkpoint(tmp_path / "model.pt").config.frames == 240
        (tmp_path / "config.json").write_text(json.dumps({"bert": {"num_attention_heads": 6}, "frames": 12, "note": "small"}))
        beside = CTCLIP.from_checkpoint(tmp_path / "model.pt").config
        assert (beside.frames, beside.bert.num_attention_heads) == (12, 6)
        (tmp_path / "other.json").write_text(json.dumps(CONFIG.to_dict()))
        assert CTCLIP.from_checkpoint(tmp_path / "model.pt", tmp_path / "other.json").config == CONFIG

    def test_that_of_a_tokenizer_says_nothing(self, tmp_path):
        torch.save(small().state_dict(), tmp_path / "model.pt")
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "cxr-bert", "hidden_size": 768, "num_attention_heads": 2}))
        assert CTCLIP.from_checkpoint(tmp_path / "model.pt").config.bert.num_attention_heads == 12

    def test_one_beside_need_not_speak_of_the_towers(self, tmp_path):
        torch.save(small().state_dict(), tmp_path / "model.pt")
        (tmp_path / "config.json").write_text('{"frames": 15}')
        assert CTCLIP.from_checkpoint(tmp_path / "model.pt").config.frames == 15
        (tmp_path / "config.json").write_text('{"dim_latent": 5}')
        with pytest.raises(EncoderError, match=r"dim_latent 16 .*the configuration says 5"):
            CTCLIP.from_checkpoint(tmp_path / "model.pt")
        (tmp_path / "config.json").write_text('{"frames": 15, "fraems": 15}')
        with pytest.raises(UsageError, match="fraems is not known; at the top can have ctvit, bert, dim_latent, frames"):
            CTCLIP.from_checkpoint(tmp_path / "model.pt")

    @pytest.mark.parametrize("text", ["{}", '{"ctvit": {}}', '{"note": "nothing"}'])
    def test_one_that_is_given_says_something(self, tmp_path, text):
        torch.save(small().state_dict(), tmp_path / "model.pt")
        (tmp_path / "own.json").write_text(text)
        with pytest.raises(UsageError, match=r"own.json says nothing of a CT-CLIP; expected any of ctvit, bert, dim_latent, frames"):
            CTCLIP.from_checkpoint(tmp_path / "model.pt", tmp_path / "own.json")

    def test_a_text_tower_of_unknown_heads_stops_texts_only(self, tmp_path):
        config = replace(CONFIG, bert=replace(BERT, hidden_size=40, num_attention_heads=4))
        torch.save(small(config).state_dict(), tmp_path / "model.pt")
        found = CTCLIP.from_checkpoint(tmp_path / "model.pt")
        with torch.inference_mode():
            assert torch.equal(found.encode_image(volumes()), small(config).encode_image(volumes()))
        with pytest.raises(EncoderError, match=r"hidden_size 40; texts need bert.num_attention_heads in a config.json"):
            found.encode_text(torch.ones(1, 4, dtype=torch.int64), torch.ones(1, 4))

    def test_what_is_at_odds_names_both(self, tmp_path):
        torch.save(small().state_dict(), tmp_path / "model.pt")
        with pytest.raises(EncoderError, match=rf"{re.escape(str(tmp_path))}.*ctvit.dim 20 .*the configuration says 512"):
            CTCLIP.from_checkpoint(tmp_path / "model.pt", {"ctvit": {"dim": 512}})
        with pytest.raises(UsageError, match="does not exist"):
            CTCLIP.from_checkpoint(tmp_path / "model.pt", tmp_path / "none.json")


class Exploit:
    """What unpickling would run."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def damaged(kind: str, path) -> None:
    torch.save(small().state_dict(), path)
    whole = path.read_bytes()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "end cut":
            path.write_bytes(whole[:-10])
        case "text":
            path.write_text("<html>401 Unauthorized</html>")
        case "pointer":
            path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        case "a weight changed":
            at = whole.index(small().state_dict()["visual_transformer.to_patch_emb.2.weight"].numpy().tobytes()) + 40
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :])
        case "old, cut":
            torch.save(small().state_dict(), path, _use_new_zipfile_serialization=False)
            path.write_bytes(path.read_bytes()[:20000])
        case "code":
            torch.save({"state": Exploit()}, path)
        case "pickle":
            path.write_bytes(pickle.dumps(Exploit()))
        case "module":
            torch.save(nn.Linear(2, 2), path)
        case "tensor":
            torch.save(torch.zeros(3), path)
        case "safetensors, cut":
            save_file({"a": torch.zeros(100)}, path)
            path.write_bytes(path.read_bytes()[:100])
        case "other model":
            torch.save(nn.Linear(2, 2).state_dict(), path)
        case "nothing in it":
            torch.save({}, path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "damaged"),
        ("cut", "damaged or cut short"),
        ("end cut", "damaged or cut short"),
        ("text", "damaged"),
        ("pointer", "pointer of Git LFS"),
        ("a weight changed", "checksum of .* does not fit"),
        ("old, cut", "damaged"),
        ("code", "more than tensors, such as code"),
        ("pickle", "more than tensors, such as code"),
        ("module", "more than tensors, such as code"),
        ("tensor", "holds Tensor; expected tensors by name"),
        ("safetensors, cut", "damaged or cut short"),
        ("other model", "holds no CT-CLIP: looked for 'visual_transformer.*found 'weight', 'bias'"),
        ("nothing in it", "holds no CT-CLIP: .* found nothing"),
        ("missing", "does not exist"),
        ("folder", r"cannot be read \(IsADirectoryError\)"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, kind, message):
    path = tmp_path / "model.pt"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        damaged(kind, path)
    with pytest.raises(EncoderError, match=message) as caught:
        CTCLIP.from_checkpoint(path)
    text = str(caught.value)
    assert re.search(GET, text)
    assert text.startswith(f"CT-CLIP checkpoint {path} ") or text.startswith(f"CT-CLIP checkpoint {path}: ")
    assert "\n" not in text
    assert len(text) < 600


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("to_text_latent.weight"), "lacks 'to_text_latent.weight'"),
        (
            lambda s: s.pop("text_transformer.encoder.layer.1.output.dense.bias"),
            "lacks 'text_transformer.encoder.layer.1.output.dense.bias'",
        ),
        (lambda s: s.update({"to_text_latent.weight": torch.zeros(5, 24)}), r"of shape \(5, 24\); expected \(16, 24\)"),
        (lambda s: s.update({"temperature": torch.tensor(1)}), "'temperature' of type torch.int64"),
        (lambda s: s.update({"visual_transformer.vq.project_in.weight": torch.zeros(1)}), "has not: 'visual_transformer.vq.project_in"),
        (lambda s: s.update({"to_visual_latent.weight": torch.zeros(16, 321)}), "321 values; expected a multiple of dim 20"),
        (
            lambda s: s.update({"visual_transformer.to_patch_emb.2.weight": torch.zeros(0, 4)}),
            r"shape \(0, 4\); expected 2 axes with values",
        ),
        (lambda s: s.update({"classifier.weight": torch.zeros(2, 5), "classifier.bias": torch.zeros(2)}), r"classifier .* \(classes, 16\)"),
        (lambda s: s.update({"classifier.bias": torch.zeros(2)}), "classifier whose weight is none"),
    ],
)
def test_weights_that_do_not_fit_together_are_told(tmp_path, change, message):
    state = dict(small().state_dict())
    change(state)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(EncoderError, match=message) as caught:
        CTCLIP.from_checkpoint(tmp_path / "model.pt", SAID)
    assert "\n" not in str(caught.value)


def test_a_published_name_alone_is_found_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert str(locate("CT-CLIP_v2")) == "CT-CLIP_v2"
    root = tmp_path / "datasets--ibrahimhamamci--CT-RATE"
    folder = root / "snapshots" / "0123abcd" / "models" / "CT-CLIP-Related"
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("0123abcd")
    (folder / "CT-CLIP_v2.pt").write_text("")
    assert locate("CT-CLIP_v2") == locate("CT-CLIP_v2.pt") == folder / "CT-CLIP_v2.pt"
    assert str(locate("CT_LiPro_v2.pt")) == "CT_LiPro_v2.pt"


def test_a_file_without_the_first_frame_is_read(tmp_path):
    model = small(replace(CONFIG, bert=replace(BERT, layer_norm_eps=1e-5)))
    torch.save({name: value for name, value in model.state_dict().items() if "first_frame" not in name}, tmp_path / "model.pt")
    found = CTCLIP.from_checkpoint(tmp_path / "model.pt", model.config.to_dict())
    assert found.config == model.config
    with torch.inference_mode():
        assert torch.equal(found.encode_image(volumes()), model.encode_image(volumes()))
