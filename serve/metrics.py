"""Prometheus metrics of one server."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
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
        self.models = Gauge("cold_open_models", "Models loaded", registry=self.registry)

    def text(self, queue_length: Callable[[], int]) -> bytes:
        """All metrics in Prometheus's text format.

        Args:
            queue_length: returns the current length of the request queue.
        """
        self.queued.set(queue_length())
        return generate_latest(self.registry)


__all__ = ["CONTENT_TYPE", "Metrics"]
