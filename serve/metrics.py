"""Prometheus metrics of one server."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)  # upper bounds of the histograms' buckets


class Metrics:
    """The counters of one server. They hold no text and no client address."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cold_open_requests",
            "Requests by endpoint and outcome: ok, user_error, cancelled, error",
            ["endpoint", "outcome"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "cold_open_rejected",
            "HTTP requests rejected by the middleware, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.words = Counter("cold_open_words", "Words generated", registry=self.registry)
        self.seconds = Histogram(
            "cold_open_request_seconds",
            "Duration of a request",
            ["endpoint"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.first_word = Histogram(
            "cold_open_first_word_seconds",
            "Time to the first words of a scene",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.active = Gauge(
            "cold_open_active_scenes", "Scenes being generated", registry=self.registry
        )
        self.queued = Gauge(
            "cold_open_queued_requests", "Requests in the queue", registry=self.registry
        )
        self.models = Gauge("cold_open_models", "Models in memory", registry=self.registry)
        self.model_info = Gauge(
            "cold_open_model_info",
            "1 for the version of each model that is served",
            ["model", "version"],
            registry=self.registry,
        )

    def set_versions(self, versions: dict[str, str]) -> None:
        """Records the version of each model, by name."""
        self.model_info.clear()
        for model, version in versions.items():
            self.model_info.labels(model, version).set(1)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Serves /metrics on a port of its own, in a thread; returns what ends it."""
        server, thread = start_http_server(port, host, self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop


__all__ = ["CONTENT_TYPE", "Metrics"]
