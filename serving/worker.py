"""What a worker answers from: the shop, its audiences, and the watch over where they lie.

What comes in: the environment that `intentml serve` sets. What goes out: `Serving`, loaded as the worker
starts and renewed whenever other scores lie there. It answers nothing.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from intentml.audiences.anew import RenewableAudiences
from intentml.audiences.opening import open_renewable
from intentml.errors import IntentmlError
from intentml.scores.scores import Scores
from intentml.service.arrivals import Arrivals
from intentml.service.audiences import ServedAudiences
from intentml.service.door import log
from intentml.service.drift import Drift
from intentml.service.live import LiveShop, Places
from intentml.service.meters import Meters

SCORES, MODEL = "INTENTML_SCORES", "INTENTML_MODEL"
ORDERS, AUDIENCES = "INTENTML_ORDERS", "INTENTML_AUDIENCES"
DATA, COLUMNS = "INTENTML_DATA", "INTENTML_COLUMNS"
WATCH_SECONDS = 1.0
METERS = Meters(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))  # Bento sets it, for its workers
DRIFT = Drift(METERS.registry)


@dataclass(frozen=True)
class Serving:
    """What a worker answers from.

    Attributes:
        live: The shop.
        audiences: Its audiences.
        one_at_a_time: The thread that works.
    """

    live: LiveShop
    audiences: ServedAudiences
    one_at_a_time: ThreadPoolExecutor

    @classmethod
    def opened(cls, environment: Mapping[str, str]) -> Serving:
        """Load what the environment names, and watch it.

        Raises:
            IntentmlError: Nothing is named, or it cannot be used.
        """
        missing = [name for name in (SCORES, MODEL) if not environment.get(name)]
        if missing:
            raise IntentmlError(f"{' and '.join(missing)} must be set", hint="`intentml serve` sets them")
        places = Places.of(environment[SCORES], environment[MODEL])
        log_of_orders = environment.get(ORDERS)
        served = ServedAudiences(opening)
        arrivals = Arrivals(log_of_orders) if log_of_orders else None
        live = LiveShop(places, arrivals, served.prepare)
        DRIFT.serves(live.shop.scores)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)
        # What is loaded by now stays: the collector need not walk it at every turn of a request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        threading.Thread(target=watch, args=(live,), daemon=True).start()
        return cls(live, served, ThreadPoolExecutor(max_workers=1))


_OPENED: list[Serving] = []


def open_shop() -> None:
    """Load, in a worker that starts, what it will answer from.

    Raises:
        IntentmlError: It cannot be used.
    """
    _OPENED.append(Serving.opened(os.environ))


def serving() -> Serving:
    """What this worker answers from."""
    return _OPENED[-1]


def patience() -> float:
    """By how much more a request may be late than otherwise; more while other scores are taken in."""
    return 4.0 if _OPENED and serving().live.renewing else 1.0


def watch(live: LiveShop) -> None:
    """Take other scores as soon as they lie where these do; what cannot be used is told once.

    And end with the server that started this worker, however that ended.
    """
    told = None
    server = os.getppid() if "worker" in Path(sys.argv[0]).parts else None
    live.read_ahead()
    while True:
        sleep(WATCH_SECONDS)
        if server is not None and os.getppid() != server:
            # It was killed. A worker left over would hold the port, and answer on it.
            os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            if live.renew():
                DRIFT.serves(live.shop.scores)
                gc.collect()
                log.info(json.dumps({"renewed": live.shop.health()}))
        except Exception as problem:  # this thread must outlive whatever lies there
            why = problem.message if isinstance(problem, IntentmlError) else type(problem).__name__
            if why != told:
                log.error(json.dumps({"not_renewed": why}))
            told = why


def opening(scores: Scores) -> RenewableAudiences:
    """The audiences of scores, over the tables that were scored; a broken file is told and stops no other."""
    places = os.environ.get(DATA), os.environ.get(COLUMNS), os.environ.get(AUDIENCES)
    takes_orders = bool(os.environ.get(ORDERS))
    found = open_renewable(scores, places[0], columns=places[1], folder=places[2], renewable=takes_orders)
    for name, problem in found.audiences.broken.items():
        log.error(json.dumps({"broken_audience": name, "why": problem.message}))
    return found
