"""Dimensions of a CT-CLIP: read from weights and back, checked against what is said, told in one line where they do not fit."""

import json
import math
from dataclasses import replace

import pytest
import torch

from scanbank.embed.ctclip import PUBLISHED, CTCLIPConfig
from scanbank.embed.ctclip.config import read_layout
from scanbank.store.errors import EncoderError, UsageError
from small_ctclip import BERT, CONFIG, CONFIGS, OBLONG, WIDE, published_state, small


def open_ones(config: CTCLIPConfig) -> dict:
    """What weights do not tell, in the layout of config.json."""
    said = config.to_dict()
    ctvit = {name: said["ctvit"][name] for name in ("image_size", "patch_size") if isinstance(said["ctvit"][name], list)}
    return {"ctvit": ctvit, "frames": config.frames, "bert": {"num_attention_heads": config.bert.num_attention_heads}}


@pytest.mark.parametrize("name", CONFIGS)
def test_weights_give_the_configuration_back(name):
    config = CONFIGS[name]
    found = CTCLIPConfig.from_weights(small(config).state_dict(), open_ones(config))
    assert found == config
    assert found.assumed == ()


@pytest.mark.parametrize("config", [*CONFIGS.values(), PUBLISHED])
def test_the_layout_survives_json(config):
    assert CTCLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_what_no_vector_depends_on_changes_nothing():
    assert CTCLIPConfig.from_weights(published_state(small()), open_ones(CONFIG)) == CONFIG


def test_published_sizes():
    assert PUBLISHED.dim_image == 294912
    assert PUBLISHED.grid == (24, 24)


def test_what_weights_do_not_tell_is_assumed_as_published_and_said():
    found = CTCLIPConfig.from_weights(small().state_dict())
    assert (found.frames, found.bert.num_attention_heads) == (240, 12)
    assert replace(found, frames=CONFIG.frames) == CONFIG
    frames, heads = found.assumed
    assert "number of frames: 240" in frames
    assert "heads of the text tower: 12" in heads
    seven = replace(CONFIG, temporal_patch_size=7, frames=7)
    assert CTCLIPConfig.from_weights(small(seven).state_dict()).frames == 238


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        (CONFIG, {"ctvit": {"heads": 4}}, "ctvit.heads 3 .*the configuration says 4"),
        (CONFIG, {"ctvit": {"dim": 64}}, "ctvit.dim 20 .*says 64"),
        (CONFIG, {"ctvit": {"codebook_size": 8192}}, "ctvit.codebook_size 30 .*says 8192"),
        (CONFIG, {"ctvit": {"spatial_depth": 4}}, "ctvit.spatial_depth 2 .*says 4"),
        (CONFIG, {"ctvit": {"image_size": 30}}, "16 patches a plane .*image_size 30x30 in patches of 6x6"),
        (CONFIG, {"ctvit": {"patch_size": 4}}, "108 voxels, 36 a plane; the configuration says patch_size 4x4 .* 48"),
        (CONFIG, {"ctvit": {"temporal_patch_size": 2}}, "108 voxels, 36 a plane; .*temporal_patch_size 2"),
        (CONFIG, {"bert": {"hidden_size": 768}}, "bert.hidden_size 24 .*says 768"),
        (CONFIG, {"dim_latent": 512}, "has dim_latent 16 .*says 512"),
        (WIDE, {}, r"10 patches a plane, which is no square; give ctvit.image_size as \[height, width\]"),
        (OBLONG, {}, r"24 voxels a plane, which is no square; give ctvit.patch_size as \[height, width\]"),
        (CONFIGS["text"], {"bert": {"num_attention_heads": 5}}, "36, which its 5 heads do not divide"),
        (CONFIG, {"frames": 10}, "frames 10 is no multiple of temporal_patch_size 3"),
    ],
)
def test_what_is_at_odds_or_open_is_told_in_one_line(config, overrides, message):
    with pytest.raises((EncoderError, UsageError), match=message) as caught:
        CTCLIPConfig.from_weights(small(config).state_dict(), overrides)
    assert "\n" not in str(caught.value)


def test_heads_of_a_text_tower_of_another_width_are_left_open():
    state = small(replace(CONFIG, bert=replace(BERT, hidden_size=40, num_attention_heads=4))).state_dict()
    found = CTCLIPConfig.from_weights(state, {"frames": 9})
    assert found.bert.num_attention_heads is None
    assert "hidden_size 40 does not go into the published 12: texts need bert.num_attention_heads" in found.assumed[0]
    assert "num_attention_heads" not in found.to_dict()["bert"]
    assert CTCLIPConfig.from_weights(state, {"bert": {"num_attention_heads": 4}}).bert.num_attention_heads == 4


def test_a_stripped_first_frame_leaves_the_thickness_open():
    state = {name: value for name, value in small().state_dict().items() if "first_frame" not in name}
    with pytest.raises(EncoderError, match=r"patches of 108 voxels may have any thickness; give ctvit.temporal_patch_size"):
        CTCLIPConfig.from_weights(state)
    for said in ({"temporal_patch_size": 3}, {"patch_size": 6}):
        found = CTCLIPConfig.from_weights(state, {"ctvit": said, "frames": 9})
        assert (found.patch_size, found.temporal_patch_size, found.image_size) == ((6, 6), 3, (24, 24))


def test_a_layer_that_is_missing_is_told():
    state = {name: value for name, value in small().state_dict().items() if "spatial_transformer.layers.0" not in name}
    with pytest.raises(EncoderError, match=r"lacks the weight '.*layers.0.1.q_scale'"):
        CTCLIPConfig.from_weights(state)
    state = {name.replace("encoder.layer.1.", "encoder.layer.2."): value for name, value in small().state_dict().items()}
    with pytest.raises(EncoderError, match=r"layers \[0, 2\] under 'text_transformer.encoder.layer.'; expected 0 and on"):
        CTCLIPConfig.from_weights(state)


def test_other_state_dicts_are_no_ct_clip():
    with pytest.raises(EncoderError, match=r"holds no CT-CLIP: looked for 'visual_transformer.*found 'conv.weight'"):
        CTCLIPConfig.from_weights({"conv.weight": torch.zeros(2)})


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({}, "lacks ctvit.dim, .*, dim_latent, frames, bert.hidden_size"),
        ({"ctvit": [1]}, r"ctvit is \[1\]; expected an object"),
        ({"ctvit": {"dim": "64"}}, "ctvit.dim is '64'; expected a whole number from 1"),
        ({"ctvit": {"image_size": [1, 2, 3]}}, "ctvit.image_size is .*; expected a whole number"),
        ({"bert": {"hidden_act": "relu"}}, "hidden_act is 'relu'; only 'gelu'"),
        ({"bert": {"layer_norm_eps": True}}, "layer_norm_eps is True; expected a number"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": -3}, "frames is -3; expected a whole number from 1 to 4096"),
        ({"frames": 4 * 10**9}, "frames is 4000000000; expected a whole number from 1 to 4096"),
        ({"frames": 4e9}, "frames is 4000000000.0; expected a whole number"),
        ({"ctvit": {"image_size": [48, 1 << 13]}}, "ctvit.image_size is 8192"),
        ({"ctvit": {"dim": 1 << 21}}, "ctvit.dim is 2097152; expected a whole number from 1 to 1048576"),
        ({"bert": {"layer_norm_eps": math.nan}}, "layer_norm_eps is nan; expected a number between 0 and 1"),
        ({"bert": {"layer_norm_eps": math.inf}}, "layer_norm_eps is inf"),
        ({"bert": {"layer_norm_eps": -1e-5}}, "layer_norm_eps is -1e-05"),
        ({"ctvitt": {}}, "ctvitt is not known; at the top can have ctvit, bert, dim_latent, frames"),
        ({"ctvit": {"dims": 64}}, "ctvit.dims is not known; ctvit can have dim, codebook_size"),
        ({"bert": {"heads": 4}}, "bert.heads is not known; bert can have hidden_size, .*num_attention_heads"),
        (CONFIG.to_dict() | {"frames": 8}, "frames 8 is no multiple"),
    ],
)
def test_malformed_configurations_are_told(layout, message):
    with pytest.raises(UsageError, match=message) as caught:
        CTCLIPConfig.from_dict(layout)
    assert "\n" not in str(caught.value)


def test_names_that_shape_no_vector_are_left_out():
    layout = CONFIG.to_dict() | {"note": "small", "seed": 0, "_made": "by hand"}
    layout["ctvit"] |= {"attn_dropout": 0.1}
    layout["bert"] |= {"hidden_dropout_prob": 0.1, "hidden_act": "gelu"}
    assert CTCLIPConfig.from_dict(layout) == CONFIG


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read"), ("[1]", "no JSON object"), (None, "does not exist")])
def test_a_file_that_is_no_configuration_is_told(tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_layout(path)
