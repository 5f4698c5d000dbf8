"""A file that appears whole or not at all.

What comes in: where a file shall be. What goes out: a path aside to write to, which takes the place when
the writing ends well. It knows no format.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yields a file beside `path`; at the end it takes the place of what was there.

    Args:
        path: Where to; its parents are made.
        mode: Who may read it in the end; while it is written, its writer alone.

    Raises:
        IsADirectoryError: A folder is there.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(mode)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
