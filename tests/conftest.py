"""What every test relies on: its own key and map folders, and the real scans where they are present."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# One thread each, for tests run side by side and what they start: threads of torch and OpenBLAS that outnumber the cores wait for each
# other far longer than they compute. Before either is loaded; workers of pytest-xdist inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from typer.main import get_command

from fault_fixtures import fault_cases, fault_server  # noqa: F401 - fixtures
from s3_server import s3_endpoint, s3_url  # noqa: F401 - fixtures
from scanbank.store import Bank
from scanbank.store.key import default_key_file

# How long an example takes is the machine's business.
settings.register_profile("same", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("other", deadline=None)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure(config: pytest.Config) -> None:
    # A shell that runs them in the background has its commands ignore Ctrl-C, which some tests are about.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The ordinary run tries the same examples everywhere; that of the slow proofs tries others each time, and twice as many.
    settings.load_profile("same" if config.option.markexpr == "not slow" else "other")
    config.option.loadscopereorder = False  # pytest-xdist would start the modules of most tests first, which are not the longest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders: to make a numbered one, pytest lists all that were made before, thousands in a whole run."""
    base = tmp_path_factory.mktemp("xdg")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_folders(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and local maps of a test never meet the user's."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.delenv("SCANBANK_KEY_FILE", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _one_command() -> Iterator[None]:
    """Typer makes all commands anew for each call, a tenth of a second; its runner is given the first again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", functools.cache(get_command))
        yield


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty bank and its key."""
    folder = tmp_path_factory.mktemp("empty")
    Bank.create(folder / "bank", key_file=folder / "key")
    return folder


@pytest.fixture
def bank(_empty: Path, _own_folders: None, tmp_path: Path) -> Bank:
    """An empty bank: a copy, as making one takes ten times as long."""
    bank = Bank.open(shutil.copytree(_empty / "bank", tmp_path / "bank"))
    key = default_key_file(bank.card["key"])
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(_empty / "key", key)
    return bank


@pytest.fixture
def shared_data() -> Path:
    """The real scans and reports kept beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no ../shared/data beside the checkout: real scans are not tested")
    return SHARED / "data"


@pytest.fixture
def goldens() -> Path:
    """Reference outputs kept beside the checkout."""
    if not (SHARED / "goldens").is_dir():
        pytest.skip("no ../shared/goldens beside the checkout")
    return SHARED / "goldens"
