"""I have these products; who wants to buy them? The package's face: the Python door, opened lazily.

What comes in: nothing. What goes out: the few names a user needs, each imported when it is first
asked for (PEP 562), so that `import intentml` and `intentml --help` cost no slow library.

    import intentml as im

    log = im.read_tables("data/shop")
    model = im.train(log, as_of="2017-11-01", recipe="base")
    scores = im.score(model, log, as_of="2017-11-01", horizon_days=28)
    scores.interested_in(category="CHEESE", limit=1000)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intentml.version import __version__

if TYPE_CHECKING:
    from intentml.audiences.opening import open_audiences
    from intentml.client import AsyncClient, Client
    from intentml.errors import IntentmlError
    from intentml.workflows import backtest, load_model, load_scores, read_tables, score, train

__all__ = [
    "AsyncClient",
    "Client",
    "IntentmlError",
    "__version__",
    "backtest",
    "load_model",
    "load_scores",
    "open_audiences",
    "read_tables",
    "score",
    "train",
]

_ROOMS = {
    "AsyncClient": "intentml.client",
    "Client": "intentml.client",
    "IntentmlError": "intentml.errors",
    "open_audiences": "intentml.audiences.opening",
}
"""Where names are that are not in `workflows`."""


def __getattr__(name: str) -> object:
    """Import a name of the face from its room at first use; later uses find it in the module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_ROOMS.get(name, "intentml.workflows")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names of the face, also those not imported yet."""
    return sorted(__all__)
