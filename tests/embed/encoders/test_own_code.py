"""`module:`: the user's own code, and what is told where it is not an encoder."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from encoder_zoo import docs_example
from scanbank.embed.registry import open_encoder
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError

CODE = """
    import numpy as np
    from scanbank.embed import Encoded, Encoder
    from scanbank.store import EncoderSpec, ViewSpec
    from scanbank.store.errors import UnknownNameError

    class Mean(Encoder):
        def __init__(self):
            self.spec, self.view = EncoderSpec("mine", "7", dim=1), ViewSpec()
            self.offers, self.channels = frozenset({"slice"}), frozenset({1})

        def _encode(self, side, batch):
            return Encoded(batch.mean((1, 2, 3))[:, None])

    class Half(Encoder):
        def _encode(self, side, batch):
            raise AssertionError

    def plain():
        return Mean()

    def takes_all(**options):
        found = Mean()
        found.note = repr(sorted(options.items()))
        return found

    def fails(device):
        raise RuntimeError("first line\\nsecond line")

    def unknown():
        raise UnknownNameError("thing", "x", ["y"])

    def nothing():
        pass

    def a_class():
        return Mean

    def leaves():
        raise SystemExit(3)

    number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds modules that no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE))
    return Path(name)


def test_the_current_folder_is_looked_in_last(here: Path) -> None:
    encoder = open_encoder(f"module:{here}:plain")
    assert encoder.spec.name == f"module:{here}:plain"
    assert (encoder.spec.version, sys.path[-1]) == ("7", str(Path.cwd()))
    assert encoder.encode_slices(np.full((2, 1, 3, 3), 0.5, np.float32)).vector.tolist() == [[0.5], [0.5]]


def test_a_class_is_a_factory(here: Path) -> None:
    assert open_encoder(f"module:{here}:Mean").spec.name == f"module:{here}:Mean"


def test_options_reach_a_factory_that_takes_them(here: Path) -> None:
    encoder = open_encoder(f"module:{here}:takes_all+random4", device="cpu")
    assert encoder.note == "[('device', 'cpu'), ('random_weights', 4)]"
    assert encoder.spec.name == f"module:{here}:takes_all+random4"
    with pytest.raises(UsageError, match="takes no random_weights; leave --random-weights out"):
        open_encoder(f"module:{here}:plain", random_weights=1)
    with pytest.raises(UsageError, match="takes no device; leave --device out"):
        open_encoder(f"module:{here}:plain", device="cuda")


@pytest.mark.parametrize("name", ["", "pkg", "pkg:", ":f", "pkg/mod.py:f", "pkg:f()", "1a:f"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match=r"module:PACKAGE\.MODULE:FACTORY"):
        open_encoder(f"module:{name}")


@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        ("plane", EncoderError, "has no plane; it holds Half, Mean, a_class, fails, leaves, nothing, plain, takes_all"),
        ("number", EncoderError, "number is of type int; expected a function that gives an encoder"),
        ("fails", EncoderError, r"fails\(\) raised RuntimeError: first line$"),
        ("unknown", UnknownNameError, "^thing 'x' is unknown"),
        ("nothing", EncoderError, r"nothing\(\) gave nothing \(None\); expected a subclass of scanbank.embed.Encoder"),
        ("a_class", EncoderError, r"a_class\(\) gave <class .*Mean'>; expected"),
        ("leaves", EncoderError, r"leaves\(\) raised SystemExit: 3$"),
        ("Half", EncoderError, r"Half\(\) gave an encoder that lacks spec, view, offers, channels; docs/encoders.md"),
    ],
)
def test_code_that_gives_no_encoder(here: Path, factory: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        open_encoder(f"module:{here}:{factory}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("spec = {'dim': 4}", "spec is a dict; expected an EncoderSpec"),
        ("spec = None", r"spec is nothing \(None\); expected an EncoderSpec"),
        ("spec = EncoderSpec('x', '1', dim=0)", "spec has dim 0; expected a whole number from 1"),
        ("spec = EncoderSpec('x', '1', dim=-1)", "spec has dim -1"),
        ("spec = EncoderSpec('x', '1', dim=2.0)", r"spec has dim 2\.0"),
        ("spec = EncoderSpec('x', '1', dim=1, mean=('a',))", r"spec has mean \('a',\); expected numbers"),
        ("view = None", r"view is nothing \(None\); expected a ViewSpec"),
        ("offers = frozenset()", r"offers are frozenset\(\); expected a set of 'volume', 'slice', 'text'"),
        ("offers = {'foo'}", "offers are {'foo'}"),
        ("offers = 'slice'", "offers are 'slice'"),
        ("channels = frozenset()", "channels are .*; expected a set of how many windows"),
        ("channels = {0}", "channels are {0}"),
        ("channels = 1", "channels are 1"),
    ],
)
def test_an_encoder_that_is_of_no_use_is_refused_when_it_is_opened(here: Path, change: str, message: str) -> None:
    code = f"\ndef changed():\n    found = Mean()\n    found.{change}\n    return found\n"
    with Path(f"{here}.py").open("a") as file:
        file.write(code)
    with pytest.raises(EncoderError, match=rf"changed\(\) gave an encoder whose {message}") as caught:
        open_encoder(f"module:{here}:changed")
    assert "\n" not in str(caught.value)


def test_modules_that_cannot_be_imported(here: Path) -> None:
    with pytest.raises(EncoderError, match=r"no module not_here_at_all on the Python path or in the current folder; .*PYTHONPATH"):
        open_encoder("module:not_here_at_all.mine:f")
    Path(f"bad_{here}.py").write_text("def f(:\n")
    with pytest.raises(EncoderError, match=rf"importing bad_{here} raised SyntaxError: "):
        open_encoder(f"module:bad_{here}:f")
    Path(f"needy_{here}.py").write_text("import a_library_that_is_missing\n")
    with pytest.raises(EncoderError, match=r"raised ModuleNotFoundError: No module named 'a_library_that_is_missing'"):
        open_encoder(f"module:needy_{here}:f")
    with pytest.raises(EncoderError, match=rf"importing {here}.deeper raised ModuleNotFoundError"):
        open_encoder(f"module:{here}.deeper:f")


def test_the_worked_example_gives_depths_and_texts(here: Path) -> None:
    Path(f"example_{here}.py").write_text(docs_example())
    encoder = open_encoder(f"module:example_{here}:open_encoder+random2", device="cpu")
    voxels = np.random.default_rng(0).random((2, 1, 16, 32, 32), np.float32)
    voxels[1, :, 8:] = 0  # padding
    found = encoder.encode_volumes(voxels)
    assert found.depth is not None
    assert found.depth_mask is not None
    assert found.depth.shape == (2, 4, 32)
    assert found.depth_mask.tolist() == [[True] * 4, [True, True, False, False]]
    texts = encoder.encode_texts(["left effusion", "Left Effusion", "no effusion"]).vector
    np.testing.assert_allclose(texts[0], texts[1], atol=1e-6)
    assert np.abs(texts[0] - texts[2]).max() > 0.01
    assert encoder.spec.weights != open_encoder(f"module:example_{here}:open_encoder+random3", device="cpu").spec.weights
