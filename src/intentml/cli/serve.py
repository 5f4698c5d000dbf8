"""`serve`: the service over HTTP, on a scores folder and the model that made it.

What comes in: a scores folder, a model, an address. What goes out: this process, turned into BentoML's
server, which goes on once all is found in order. What it answers is in `intentml.service.shop`.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from intentml.cli import options
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, say
from intentml.errors import IntentmlError


def serve(
    scores: options.ScoresFolder,
    model: options.Model,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="IP address to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Port to listen on.")] = 3000,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that answer.")] = 1,
    orders: Annotated[
        Path | None,
        typer.Option(
            "--orders", metavar="FILE", help="Take new orders in: a log of them, made where it is not there."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DIR", help="The tables that were scored, for audiences."),
    ] = None,
    columns: options.Columns = None,
    audiences: Annotated[
        Path | None,
        typer.Option(
            "--audiences",
            metavar="FOLDER",
            help="YAML files of your own beside the presets, and lead_score.yaml.",
        ),
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer over HTTP, by BentoML, until stopped.

    Who wants these, where customers stand, what is to be expected of a history. Who may ask is said by
    INTENTML_KEYS_FILE or INTENTML_KEYS (see `intentml key new`); without a key only this machine can.
    """
    told = Output(json, quiet)
    _check_installed()
    _check_address(host, port)
    _check_keys(host, told)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else who started us may keep its verdict from us
    checker = os.fork()
    if checker == 0:  # scores and model are looked at while the server starts, which takes as long
        with told.step("checking scores and model"):
            about = _check(scores, model, orders)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        told.answer(lambda: {"url": url, **about}, lambda: say(f"Serving {scores} at {url}"))
        return
    places = {
        "INTENTML_SCORES": scores,
        "INTENTML_MODEL": model if model.startswith("models:") else Path(model),
        "INTENTML_ORDERS": orders,
        "INTENTML_DATA": data if data is None or "://" in data else Path(data),
        "INTENTML_COLUMNS": columns,
        "INTENTML_AUDIENCES": audiences,
    }
    # Not resolved: where a link leads to may change while the service runs.
    named = {
        name: str(place.absolute() if isinstance(place, Path) else place)
        for name, place in places.items()
        if place is not None
    }
    if model.startswith("models:"):
        from intentml import tracking

        named["MLFLOW_TRACKING_URI"] = tracking.absolute_store()
    named["INTENTML_CHECKER"] = str(checker)
    _become_the_server(named, host, port, workers, quiet=quiet)


def _check(scores: Path, model: str, orders: Path | None) -> dict[str, object]:
    """What will be served; raises here, with one clear line, where a worker would fail again and again."""
    from intentml.service.arrivals import Arrivals
    from intentml.service.live import Places

    if orders is not None:
        Arrivals(orders).close()
    return Places.of(str(scores), model).check()


def _check_installed() -> None:
    """Raise where there is nothing to serve with."""
    if find_spec("bentoml") is None or find_spec("fastapi") is None:
        raise IntentmlError(
            "the service needs BentoML, which is not installed here",
            hint="run: pip install 'intentml[serving]'",
        )


def _check_address(host: str, port: int) -> None:
    """Raise where nothing can listen there."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        raise UsageError(
            f"--host {host!r} is no IP address", hint="e.g. 127.0.0.1, or 0.0.0.0 for all"
        ) from None
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise UsageError(
                f"cannot listen on {host} port {port}: {(problem.strerror or 'refused').lower()}",
                hint="choose another --host or --port",
            ) from problem


def _check_keys(host: str, told: Output) -> None:
    """Raise where strangers could ask without a key; keys and limits that are wrong are told here too."""
    from intentml.service.admission import Limits
    from intentml.service.keys import KEYS, KEYS_FILE, Keyring

    Limits.of(os.environ)
    if Keyring.of(os.environ):
        return
    if not ipaddress.ip_address(host).is_loopback:
        raise UsageError(
            f"--host {host} lets other machines ask, and no key is configured",
            hint=f"`intentml key new NAME --scope read --file FILE`, then {KEYS_FILE}=FILE (or {KEYS})",
        )
    told.note("no key is configured: only this machine can ask")


def _become_the_server(places: Mapping[str, str], host: str, port: int, workers: int, *, quiet: bool) -> None:
    """Put BentoML's server in the place of this process, so that signals reach it as they come."""
    from intentml.service.keys import KEYS_FILE
    from intentml.shipped import shipped_folder

    # A worker answers one request at a time, on one core, unless the caller says otherwise.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {
        **threads,
        **os.environ,
        **places,
        "INTENTML_WORKERS": str(workers),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    if keys := environment.get(KEYS_FILE):
        environment[KEYS_FILE] = str(Path(keys).absolute())  # not resolved: a link may be turned
    if "BENTOML_HOME" not in environment:
        # A server empties the metrics of its home as it starts: two of them must not share one.
        environment["BENTOML_HOME"] = tempfile.mkdtemp(prefix="intentml-serve-")
    os.dup2(2, 1)  # stdout was for the answer; what the server writes is a log
    where = ["--working-dir", str(shipped_folder("serving")), "--host", host, "--port", str(port)]
    hushed = ["--quiet"] if quiet else []
    command = [sys.executable, "-m", "bentoml", "serve", "service:Intent", *where, *hushed]
    os.execve(sys.executable, command, environment)
