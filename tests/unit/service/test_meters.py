"""Meters: what is counted of requests, and under which names."""

from __future__ import annotations

from asgi import ask, echo
from intentml.service.door import Door
from intentml.service.meters import Meters


def test_requests_are_counted_by_path_and_status_and_timed() -> None:
    meters = Meters()
    app = Door(echo, {"/predict"}, observe=meters.count)
    for _ in range(3):
        ask(app, "/predict", b"{}")
    page = meters.page().decode()
    assert 'intentml_requests_total{path="/predict",status="200"} 3.0' in page
    assert 'intentml_request_seconds_count{path="/predict"} 3.0' in page


def test_unknown_paths_are_one_and_what_stands_in_them_is_not_told() -> None:
    """A series for each would fill the memory, and the page with whatever clients write."""
    meters = Meters()
    app = Door(echo, {"/predict"}, observe=meters.count)
    for number in range(50):
        ask(app, f"/customers/secret-{number}", method="GET")
    page = meters.page().decode()
    assert 'intentml_requests_total{path="(unknown path)",status="200"} 50.0' in page
    assert "secret" not in page


def test_probes_are_not_counted() -> None:
    meters = Meters()
    ask(Door(echo, observe=meters.count), "/livez", method="GET")
    assert "livez" not in meters.page().decode()
