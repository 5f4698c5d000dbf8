"""Where the files are that travel with the package: recipes, searches and the service.

What comes in: a kind and a file's name. What goes out: a path that exists. In a wheel they are package
data under `intentml/shipped`; in a checkout (an editable installation) they are the folders of the
repository that the wheel is filled from. It does not know what is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from intentml.errors import IntentmlError, nearest

Kind = Literal["recipes", "search", "serving"]

_CHECKOUT_FOLDERS: dict[Kind, str] = {
    "recipes": "training/recipes",
    "search": "training/search",
    "serving": "serving",
}


def shipped_folder(kind: Kind) -> Path:
    """The folder of one kind of shipped files: the package's data, or the checkout's where there is one.

    Args:
        kind: `recipes`, `search` or `serving`.

    Raises:
        IntentmlError: If the installation holds neither.
    """
    from importlib.resources import files

    package = Path(str(files("intentml")))
    in_wheel = package / "shipped" / kind
    if in_wheel.is_dir():
        return in_wheel
    checkout = package.parents[1]
    in_checkout = checkout / _CHECKOUT_FOLDERS[kind]
    if (checkout / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    raise IntentmlError(
        f"this installation of intentml holds no shipped {kind}",
        hint="install the wheel again, or install a checkout with `pip install -e .`",
    )


def shipped_names(kind: Kind) -> list[str]:
    """The files of one kind, as paths inside their folder, sorted: `priors.toml`, `README.md`, ..."""
    folder = shipped_folder(kind)
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def shipped_path(kind: Kind, name: str) -> Path:
    """The path of one shipped file.

    Args:
        kind: `recipes`, `search` or `serving`.
        name: Its path inside the folder of that kind, e.g. `priors.toml`.

    Raises:
        IntentmlError: If there is no such file; the hint offers the nearest names.

    >>> shipped_path("serving", "README.md").name
    'README.md'
    """
    names = shipped_names(kind)
    if name not in names:
        offered = nearest(name, names) or names
        raise IntentmlError(
            f"no file {name!r} among the shipped {kind}", hint=f"there is {', '.join(offered)}"
        )
    return shipped_folder(kind) / name
