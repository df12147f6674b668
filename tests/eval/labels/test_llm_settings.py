"""Settings: what is no address, no key and no number is refused, and nothing shows the key."""

from __future__ import annotations

import pytest

from scanbank.eval.labels.llm_settings import LlmSettings
from scanbank.store.errors import UnknownNameError, UsageError

LOCAL = "http://localhost:11434"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (LOCAL, "http://localhost:11434/v1/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://host.example/api/v1/", "https://host.example/api/v1/chat/completions"),
        ("https://host.example/v1beta/openai/chat/completions", "https://host.example/v1beta/openai/chat/completions"),
        (" https://host.example ", "https://host.example/v1/chat/completions"),
    ],
)
def test_the_path_is_completed(endpoint: str, url: str) -> None:
    assert LlmSettings(endpoint, "m").url == url


@pytest.mark.parametrize(
    ("endpoint", "local", "in_clear"),
    [
        (LOCAL, True, False),
        ("http://127.8.9.1:80", True, False),
        ("http://[::1]", True, False),
        ("https://localhost", True, False),
        ("https://host.example", False, False),
        ("http://host.example", False, True),
        ("http://10.0.0.7:8000", False, True),
        ("http://localhost.example", False, True),
        ("http://127.0.0.1.example", False, True),
    ],
)
def test_what_is_this_machine_and_what_crosses_a_network_in_clear(endpoint: str, local: bool, in_clear: bool) -> None:
    settings = LlmSettings(endpoint, "m")
    assert (settings.is_local, settings.in_clear) == (local, in_clear)


@pytest.mark.parametrize(
    "endpoint",
    ["", "host.example", "ftp://host.example", "http://", "http://host:port", "http://[::1", "file:///etc/passwd", "http://a b/"],
)
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="is no address: expected an address such as"):
        LlmSettings(endpoint, "m")


@pytest.mark.parametrize(
    "endpoint", ["https://user:hunter2@host.example", "https://host.example?key=hunter2", "https://host.example/#hunter2"]
)
def test_secrets_in_an_address_are_refused_and_not_shown(endpoint: str) -> None:
    with pytest.raises(UsageError, match="the key goes into") as told:
        LlmSettings(endpoint, "m")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 0}, "concurrency is 0; expected a number from 1 to 256"),
        ({"requests_per_minute": 0.0}, "requests_per_minute is 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"tries": 0}, "tries is 0"),
        ({"temperature": 3.0}, "temperature is 3.0"),
        ({"max_tokens": 1}, "max_tokens is 1"),
        ({"model": "a b"}, "model 'a b' is no name"),
        ({"model": ""}, "model '' is no name"),
        ({"key_variable": "sk-live-hunter2"}, "never the key"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as told:
        LlmSettings(**{"endpoint": LOCAL, "model": "m", **options})  # pyright: ignore[reportArgumentType]
    assert "hunter2" not in str(told.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="format of answers 'xml' is unknown; choose one of: json_object, json_schema, text"):
        LlmSettings(LOCAL, "m", format="xml")  # pyright: ignore[reportArgumentType]


def test_the_key_comes_from_the_environment_and_is_held_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = LlmSettings(LOCAL, "m", key_variable="MY_KEY")
    monkeypatch.delenv("MY_KEY", raising=False)
    assert "Authorization" not in settings.headers()
    monkeypatch.setenv("MY_KEY", " hunter2 \n")
    assert settings.headers()["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in repr(settings)
    for bad in ("hunter2\r\nX-Evil: 1", "hunter2é", "hunter2 x"):
        monkeypatch.setenv("MY_KEY", bad)
        with pytest.raises(UsageError, match=r"\$MY_KEY holds no API key") as told:
            settings.headers()
        assert "hunter2" not in str(told.value)
