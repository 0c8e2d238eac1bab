"""What Prometheus is told."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """Counters of one server; nothing in them tells who asked or what was written."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cold_open_requests",
            "Requests by endpoint and ending: ok, mistake (of the caller), stopped, error",
            ["endpoint", "ending"],
            registry=self.registry,
        )
        self.refused = Counter(
            "cold_open_refused",
            "HTTP requests turned away before they were read, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.words = Counter("cold_open_words", "Words written", registry=self.registry)
        self.seconds = Histogram(
            "cold_open_request_seconds",
            "Seconds from the beginning of a request to its end",
            ["endpoint"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.first = Histogram(
            "cold_open_first_word_seconds",
            "Seconds from the beginning of a scene to its first words",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.writing = Gauge("cold_open_writing", "Scenes under way", registry=self.registry)
        self.waiting = Gauge("cold_open_waiting", "Requests in the queue", registry=self.registry)
        self.models = Gauge("cold_open_models", "Models loaded", registry=self.registry)

    def text(self, waiting: Callable[[], int]) -> bytes:
        """The metrics in Prometheus's format, with the queue's length as it is now."""
        self.waiting.set(waiting())
        return generate_latest(self.registry)


__all__ = ["CONTENT_TYPE", "Metrics"]
