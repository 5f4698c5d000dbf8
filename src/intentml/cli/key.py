"""`key new`: a key that lets somebody ask the service.

What comes in: whose it is and what it may. What goes out: the key, once, and the line that a keys file
or the environment has of it, with its hash in its place. Which requests it opens is in `service.keys`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from intentml.cli import options
from intentml.cli.output import Output, say
from intentml.cli.whole_file import whole_file


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it; logs tell this name.")],
    scope: Annotated[
        Literal["read", "write", "admin"],
        typer.Option(
            "--scope",
            help="read asks; write also brings orders; admin also changes what is served.",
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Keys file that gets the line; services see it at once."),
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a key and show it once; only its hash is kept.

    To replace one, make a second of the same name, hand it out, and take the first one's line away.
    """
    from intentml.service.keys import Key, key_of

    told = Output(json, quiet)
    secret = key_of(secrets.token_urlsafe(32))
    line = Key.of(name, scope, secret).line
    if file is not None:
        _append(line, file)

    def body() -> dict[str, Any]:
        return {"name": name, "scope": scope, "key": secret, "line": line, "file": file and str(file)}

    def show() -> None:
        say(secret)
        if file is None:
            say(line)

    told.answer(body, show)
    where = f"its line is in {file}" if file else "the line goes into INTENTML_KEYS or a keys file"
    told.note(f"the key is shown this once; {where}")


def _append(line: str, file: Path) -> None:
    """Put a line at the end of a keys file, whole or not at all; others may not read it.

    Raises:
        SetupError: What stands there are no keys.
    """
    from intentml.service.keys import read_keys

    place = file.resolve()  # a link stays one; odd bytes in a comment stay what they are
    before = place.read_text("utf-8", "surrogateescape") if place.exists() else ""
    after = f"{before.rstrip()}\n{line}\n".lstrip()
    read_keys(after, str(file))
    with whole_file(place, mode=0o600) as aside:
        aside.write_text(after, "utf-8", "surrogateescape")
