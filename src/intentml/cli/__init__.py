"""The commands: arguments in, answers on stdout, everything else on stderr, an exit status.

What comes in: a command line. What goes out: a table or JSON on stdout; logs, progress and errors on
stderr; 0 where all went well, 1 for a problem with data or rules, 2 for wrong usage. Each command calls
`workflows` and shows what comes back. Nothing slow is imported before a command runs.
"""

from intentml.cli.app import app, main

__all__ = ["app", "main"]
