"""A bank in an S3 bucket (or what speaks like one). Nobody waits: a commit that another overtook is noticed and tried again.

Credentials, region and endpoint come from the environment, as for every AWS tool: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

import icechunk
import platformdirs
import pyarrow.fs as pafs

from ..errors import UsageError
from .base import FEATURES, Entry, Place

_REGION = "us-east-1"


@final
class S3Place(Place):
    """A prefix of a bucket."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        if not parts.netloc or not prefix or parts.query or parts.fragment:
            raise UsageError(f"{url}: expected s3://BUCKET/PREFIX")
        self.name = f"s3://{parts.netloc}/{prefix}"
        self._bucket, self._prefix = parts.netloc, prefix
        self._region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
        self._endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
        http = bool(self._endpoint and self._endpoint.startswith("http://"))
        self._files = pafs.S3FileSystem(
            region=self._region,
            endpoint_override=urlsplit(self._endpoint).netloc if self._endpoint else None,
            scheme="http" if http else "https",
        )
        self._allow_http = http

    @property
    def folder(self) -> None:
        return None

    def read(self, name: str) -> bytes:
        with self._files.open_input_file(self._path(name)) as file:
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        with self._files.open_output_stream(self._path(name)) as file:
            file.write(data)

    def delete(self, name: str) -> None:
        if self._files.get_file_info(self._path(name)).type is pafs.FileType.File:
            self._files.delete_file(self._path(name))

    def sizes(self, folder: str, names: Sequence[str]) -> list[int]:
        there = {entry.name: entry.bytes for entry in self.entries(folder)}
        for name in names:
            if f"{folder}/{name}" not in there:
                raise FileNotFoundError(2, "no such object", f"{folder}/{name}")
        return [there[f"{folder}/{name}"] for name in names]

    def entries(self, folder: str = "") -> list[Entry]:
        selector = pafs.FileSelector(self._path(folder), recursive=True, allow_not_found=True)
        found = [info for info in self._files.get_file_info(selector) if info.type is pafs.FileType.File]
        start = len(self._path("")) + 1
        return sorted(
            (Entry(info.path[start:], info.size, (info.mtime or datetime.now(UTC)).astimezone(UTC)) for info in found), key=lambda e: e.name
        )

    def storage(self) -> icechunk.Storage:
        icechunk.set_logs_filter("error")
        return icechunk.s3_storage(
            bucket=self._bucket,
            prefix=f"{self._prefix}/{FEATURES}",
            region=self._region,
            endpoint_url=self._endpoint,
            allow_http=self._allow_http,
            from_env=True,
            force_path_style=self._endpoint is not None,
        )

    def arrow(self, name: str) -> tuple[str, pafs.FileSystem]:
        return self._path(name), self._files

    def writer(self, doing: str, timeout_s: float) -> AbstractContextManager[None]:
        del doing, timeout_s
        return nullcontext()

    def sync_new_features(self) -> None:
        """An object store answers when an object is durable."""

    def sync(self, names: Iterable[str]) -> None:
        del names

    def cache(self, bank: str) -> Path:
        folder = Path(platformdirs.user_cache_path("scanbank")) / bank
        with suppress(OSError):  # without it nothing is kept
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _path(self, name: str) -> str:
        return "/".join(part for part in (self._bucket, self._prefix, name) if part)
