"""Options of `scanbank label --method llm`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        "--base-url",
        help="llm: an OpenAI-compatible server, such as http://localhost:11434 or https://HOST/v1.",
        show_default=False,
    ),
]
Model = Annotated[str | None, typer.Option("--model", help="llm: the model, as the server calls it.", show_default=False)]
YesSendText = Annotated[
    bool, typer.Option("--yes-send-text", help="llm: send report texts to the endpoint; without it, what would be sent is shown.")
]
Examples = Annotated[
    Path | None, typer.Option("--examples", help="llm: YAML or JSON file of reports with their findings, shown first.", show_default=False)
]
KeyVariable = Annotated[str, typer.Option("--key-env", metavar="NAME", help="llm: the environment variable that holds the API key.")]
Concurrency = Annotated[int, typer.Option("--concurrency", help="llm: requests at the same time.")]
PerMinute = Annotated[
    float | None, typer.Option("--requests-per-minute", help="llm: no more than these; by default as many as come.", show_default=False)
]
Timeout = Annotated[float, typer.Option("--timeout", help="llm: seconds for an answer.")]
Tries = Annotated[int, typer.Option("--tries", help="llm: requests for a report before it counts as failed.")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", help="llm: of an answer; models that reason first need more.")]
AnswerFormat = Annotated[str, typer.Option("--answer-format", help="llm: the strictest form to ask for: json_schema, json_object or text.")]
PriceIn = Annotated[float | None, typer.Option("--price-in", help="llm: of a million tokens in, for the estimate.", show_default=False)]
PriceOut = Annotated[float | None, typer.Option("--price-out", help="llm: of a million tokens out.", show_default=False)]
