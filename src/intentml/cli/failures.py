"""How a command ends: exit status, and one error without a traceback.

What comes in: whatever a command raised. What goes out: `error: ...` on stderr, or with `--json` the
error body of contracts.md on stdout; exit status 1 for data, rules and names, 2 for wrong usage, 130
for a stop by the user, 141 where nobody reads on (`| head`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from intentml.errors import IntentmlError

OK, PROBLEM, USAGE, STOPPED, NO_READER = 0, 1, 2, 130, 141
DEBUG = "INTENTML_DEBUG"


class UsageError(IntentmlError):
    """Options that do not fit together, or a value that cannot be read."""

    code = "usage"


class SystemRefusedError(IntentmlError):
    """The operating system refused: no permission, no space, no such folder."""

    code = "file"


class BugError(IntentmlError):
    """A failure that is ours to mend."""

    code = "bug"


class Commands(TyperGroup):
    """A group of commands whose every end is clean."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; leaves the process where `standalone_mode` is set, as it is by default."""
        words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)
        try:
            status = super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            status = _nobody_reads_on()
        except Exception as problem:
            if os.environ.get(DEBUG) and not _is_usage(problem):
                raise
            status = _tell(problem, as_json="--json" in words)
        sys.exit(status if isinstance(status, int) else OK)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options; `--help` is answered here already."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:
            raise typer.Exit(_nobody_reads_on()) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what the library would end in its own way ends in ours."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(_nobody_reads_on()) from None
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)
            raise typer.Exit(STOPPED) from None


def told(problem: Exception) -> IntentmlError:
    """Any exception as one that is told to a person."""
    if isinstance(problem, IntentmlError):
        return problem
    if _is_usage(problem):
        return _usage(problem)
    if isinstance(problem, OSError) and problem.strerror:
        where = f": {problem.filename}" if problem.filename else ""
        return SystemRefusedError(
            f"{problem.strerror.lower()}{where}", hint="is it the right path, and may you write there?"
        )
    if isinstance(problem, MemoryError):
        return SystemRefusedError(
            "there is not enough memory", hint="score fewer --kinds, or on a larger machine"
        )
    detail = str(problem).splitlines()[0][:200] if str(problem) else ""
    return BugError(
        f"this is a bug in intentml: {type(problem).__name__}{f': {detail}' if detail else ''}",
        hint=f"run it again with {DEBUG}=1 for the traceback, and report that",
    )


def _tell(problem: Exception, *, as_json: bool) -> int:
    """Write the error where it belongs; the exit status."""
    error = told(problem)
    status = USAGE if isinstance(error, UsageError) else PROBLEM
    try:
        if as_json:
            typer.echo(json.dumps({"error": error.to_dict()}))
        else:
            hint = f"\n  hint: {error.hint}" if error.hint else ""
            typer.echo(f"error: {error.message}{hint}", err=True)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads_on()
    return status


def _is_usage(problem: Exception) -> bool:
    """Whether the command line itself was wrong: the parser's own exceptions, of any version of it."""
    return isinstance(problem, UsageError) or hasattr(problem, "format_message")


def _usage(problem: Any) -> UsageError:
    """The parser's complaint, with the command to ask for help."""
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "intentml"
    if type(problem).__name__ == "NoArgsIsHelpError":  # its text is the whole help
        return UsageError("no command was given", hint=f"see {command} --help")
    text = str(problem.format_message()).rstrip(".")
    return UsageError(text[:1].lower() + text[1:], hint=f"see {command} --help")


def _nobody_reads_on() -> int:
    """The reader of our output has gone: say nothing more, not even at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError, AttributeError):  # a stream without a file, as in tests
            continue
    return NO_READER
