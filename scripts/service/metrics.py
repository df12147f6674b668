"""What `/metrics` tells, in a registry of its own: counts, sizes and times, never anything of a request's content."""

from __future__ import annotations

from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ...embed.encoder import Side
from .batcher import Observer

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


@final
class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter("scanbank_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "scanbank_request_seconds", "From the first byte to the last.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.received = Counter("scanbank_received_bytes", "Bytes of bodies.", ("route",), registry=self.registry)
        self.in_flight = Gauge("scanbank_requests_in_flight", "Requests that are being answered.", registry=self.registry)
        self.held = Gauge("scanbank_held_bytes", "Bytes of bodies and tensors that requests hold.", registry=self.registry)
        self.decoding = Gauge("scanbank_decoding_processes", "Processes that decode a scan or an image.", registry=self.registry)
        self.queue = Gauge("scanbank_queue_requests", "Requests that wait for a model.", ("model",), registry=self.registry)
        self.rows = Histogram(
            "scanbank_batch_rows", "Texts, planes or volumes in a batch.", ("model", "side"), buckets=_ROWS, registry=self.registry
        )
        self.shared = Histogram("scanbank_batch_requests", "Requests in a batch.", ("model", "side"), buckets=_ROWS, registry=self.registry)
        self.device = Counter("scanbank_device_seconds", "Seconds in which the model ran.", ("model", "side"), registry=self.registry)

    def observer(self, model: str) -> Observer:
        """What a batcher tells of its batches."""

        def observe(side: Side, rows: int, requests: int, seconds: float) -> None:
            self.rows.labels(model, side).observe(rows)
            self.shared.labels(model, side).observe(requests)
            self.device.labels(model, side).inc(seconds)

        return observe

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self.registry)
