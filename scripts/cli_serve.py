"""The command `scanbank serve`: encoders and a bank's search over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import complain, say

_MIB = 1 << 20


def serve(
    bank: Annotated[
        str | None, typer.Argument(metavar="BANK", help="Bank to search: a folder, or s3://BUCKET/PREFIX.", show_default=False)
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="As for `embed`; repeat it for several.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any but this machine's own needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token that clients must send.", show_default=False)
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="SCANBANK_TOKEN", help="The token itself; other users of the machine see options.", show_default=False),
    ] = None,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes of one request.")] = 1024 * _MIB,
    max_items: Annotated[int, typer.Option(min=1, help="Texts, images or rows of one request.")] = 256,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds from a request's beginning to its answer.")] = 120.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests that wait for one model; more are told to come again (429).")] = 256,
    wait_ms: Annotated[
        float, typer.Option(min=0.0, help="Milliseconds that a device in use waits for more requests to run together.")
    ] = 4.0,
    max_batch: Annotated[int, typer.Option(min=1, help="Texts or planes given to a model at once.")] = 64,
    random_weights: Annotated[
        int | None, typer.Option(metavar="SEED", help="Random weights instead of trained ones, for trying out.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Serve encoders over HTTP, and text search over a bank: see docs/service.md. Prints its address; Ctrl-C ends it."""
    from ..store.errors import UsageError

    if not encoder:
        raise UsageError("there is nothing to serve: name at least one encoder, such as --encoder tiny")
    import logging
    from functools import partial

    from ..embed import open_encoder
    from ..embed.adapt.opening import open_in
    from ..embed.registry import scheme_of
    from ..store import Bank
    from .service.limits import Limits
    from .service.server import Server
    from .service.service import Service

    secret = _token(token_file, token)
    limits = Limits(max_bytes=max_bytes, max_items=max_items, timeout_s=timeout, queue=queue, wait_ms=wait_ms, max_batch=max_batch)
    alone = {uri: (scheme := scheme_of(uri)) is not None and scheme.cpu_only for uri in encoder}
    open_by = partial(open_in, Bank.open(bank)) if bank else open_encoder
    models = [
        open_by(uri, random_weights=None if only else random_weights, device="auto" if only else device) for uri, only in alone.items()
    ]
    service = Service(models, limits, bank)

    def listening(url: str) -> None:
        service.decoders.warm()
        say_now(url)

    server = Server(service, host, port, secret, listening)
    for model in models:
        complain(f"{model.spec.name}: {', '.join(sorted(model.offers))}" + (f"; note: {model.note}" if model.note else ""))
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("scanbank.service")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    server.run()
    complain("ended: everything that was accepted is answered")


def say_now(text: str) -> None:
    """A line that a program which started this one waits for."""
    import sys

    say(text)
    sys.stdout.flush()


def _token(file: Path | None, token: str | None) -> str:
    from ..store.errors import UsageError

    if file is None:
        return token or ""
    try:
        found = file.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--token-file {file} cannot be read ({type(error).__name__}); expected a file that holds the token") from error
    if not found:
        raise UsageError(f"--token-file {file} is empty; expected a token")
    return found
