"""`python -m intentml`, and so `torchrun ... -m intentml`: the commands.

What comes in: a command line. What goes out: the command run.
"""

from intentml.cli import main

if __name__ == "__main__":
    main()
