"""How often and how fast each path is answered, in Prometheus' words, over all workers.

What comes in: path, status and seconds of each request. What goes out: the page that Prometheus reads.
Paths come in as the log names them: what a client writes into an unknown one is told nowhere, and makes
no series of its own.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """The meters of one worker.

    Args:
        folder: Where all workers keep theirs, to be told together; None where this process is alone.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "intentml_requests", "Requests answered.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "intentml_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("path",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        # Looking a series up by its labels takes longer than counting in it.
        self._series: dict[tuple[str, int | None], tuple[Counter, Histogram]] = {}

    def count(self, path: str, status: int | None, seconds: float) -> None:
        """Count a request; `status` is None where nothing was answered."""
        series = self._series.get((path, status))
        if series is None:
            series = self.requests.labels(path, str(status)), self.seconds.labels(path)
            self._series[path, status] = series
        series[0].inc()
        series[1].observe(seconds)

    def page(self) -> bytes:
        """What Prometheus reads."""
        if self.folder is None:
            return generate_latest(self.registry)
        for gauge in Path(self.folder).glob("gauge_live*_*.db"):  # of a worker that was killed
            if not Path("/proc", gauge.stem.rpartition("_")[2]).exists():
                gauge.unlink(missing_ok=True)
        together = CollectorRegistry()
        MultiProcessCollector(together, self.folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)
