"""Which encoders can be served together, and by which names they are asked for."""

from __future__ import annotations

import pytest

from scanbank.scripts.service.service import Service
from scanbank.store.errors import UsageError
from service_servers import Gated


def test_two_encoders_of_one_name_are_refused_at_the_start() -> None:
    first, second = Gated(name="ctclip:m.pt", dim=2), Gated(name="ctclip:m.pt", dim=3)
    with pytest.raises(UsageError, match=r"2 encoders are called 'ctclip:m\.pt'") as refused:
        Service([first, Gated(), second])
    assert "--port" in str(refused.value)
    assert [one.name for one in Service([first, Gated()]).models] == ["ctclip:m.pt", "gated"]
