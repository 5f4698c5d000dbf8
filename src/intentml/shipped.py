"""Where the files are that travel with the package: recipes, searches and the service.

What comes in: a kind and a name. What goes out: a path that exists. In a wheel they are package data
under `intentml/shipped`; in a checkout (an editable installation) they are the folders of the
repository that the wheel is filled from. It does not read what is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from intentml.errors import IntentmlError, RecipeError, nearest

Kind = Literal["recipes", "search", "serving"]

_CHECKOUT_FOLDERS: dict[Kind, str] = {
    "recipes": "training/recipes",
    "search": "training/search",
    "serving": "serving",
}


def shipped_folder(kind: Kind) -> Path:
    """The folder of one kind of shipped files.

    Args:
        kind: `recipes`, `search` or `serving`.

    Returns:
        The package data's folder, or the checkout's where the package runs from one.

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


def shipped_names(kind: Literal["recipes", "search"]) -> list[str]:
    """The names one can give for a shipped recipe or search, sorted; `base` stands for `base.toml`."""
    return sorted(path.stem for path in shipped_folder(kind).glob("*.toml"))


def shipped_path(kind: Kind, name: str) -> Path:
    """The file that a shipped name stands for.

    Args:
        kind: `recipes`, `search` or `serving`.
        name: A recipe's or search's name, with or without `.toml`; in `serving` a path inside it.

    Returns:
        Path of a file that exists.

    Raises:
        RecipeError: If no recipe or search has that name; the hint lists those that do.
        IntentmlError: If `serving` lacks the file.

    >>> shipped_path("serving", "README.md").name
    'README.md'
    """
    folder = shipped_folder(kind)
    if kind == "serving":
        path = folder / name
        if not path.is_file():
            raise IntentmlError(f"the shipped serving folder holds no {name!r}")
        return path
    stem = name.removesuffix(".toml")
    names = shipped_names(kind)
    if stem not in names:
        singular = "recipe" if kind == "recipes" else "search"
        close = nearest(stem, names, limit=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise RecipeError(
            f"no shipped {singular} is called {stem!r}",
            hint=f"{guess}shipped: {', '.join(names) or 'none'}; a name with / or .toml is read as a file",
        )
    return folder / f"{stem}.toml"
