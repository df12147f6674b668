"""The server that runs commands with faults, and the commands: made once, as every try begins with a bank of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from faults import Commands, commands

if TYPE_CHECKING:
    from fault_banks import Cases


@pytest.fixture(scope="session")
def fault_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with commands(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def fault_cases(tmp_path_factory: pytest.TempPathFactory, fault_server: Commands) -> Cases:
    from fault_banks import Cases  # loads much, which most tests need not wait for

    return Cases(tmp_path_factory.mktemp("faults"), fault_server)
