"""A folder that appears whole or not at all.

What comes in: where a folder shall be, and the names that may stand in it. What goes out: an empty
folder aside to write into, which takes the place when the writing ends well. It knows no format.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder beside `folder`; at the end it takes the place of what was there.

    What was there steps aside by a rename, the new folder takes the name by a rename, and only then
    is the old one deleted: no instant has neither on the disk, and whatever goes wrong before leaves
    the old folder as it was.

    Args:
        folder: Where to; its parents are made.
    """
    folder = folder.resolve()  # so that a link keeps pointing at the folder, and `.` has a name
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield aside
        aside.chmod(0o755)
        _take_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def foreign_entry(folder: Path, ours: Collection[str]) -> str | None:
    """The first name in `folder` that is not one of `ours`: replacing the folder would delete it.

    A path that is no folder is foreign itself; one that is not there is not.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        return folder.name
    return next((path.name for path in sorted(folder.iterdir()) if path.name not in ours), None)


def _take_place(new: Path, folder: Path) -> None:
    """Rename the old folder aside, the new one in, then delete the old one."""
    if not folder.exists():
        new.rename(folder)
        return
    old = new.with_name(f"{new.name}-old")
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
