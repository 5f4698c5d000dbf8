from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from intentml.inference.whole_folder import foreign_entry, whole_folder


def write(folder: Path, text: str) -> None:
    with whole_folder(folder) as aside:
        (aside / "a.txt").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_appears_with_its_parents(tmp_path):
    write(tmp_path / "deep" / "down" / "new", "one")
    assert (tmp_path / "deep" / "down" / "new" / "a.txt").read_text() == "one"
    assert names(tmp_path / "deep" / "down") == ["new"]


def test_it_is_not_there_while_it_is_written(tmp_path):
    with whole_folder(tmp_path / "new"):
        assert not (tmp_path / "new").exists()


def test_others_may_read_it(tmp_path):
    write(tmp_path / "new", "one")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755


def test_a_new_one_takes_the_place_of_the_old(tmp_path):
    write(tmp_path / "here", "old")
    (tmp_path / "here" / "b.txt").write_text("left over")
    write(tmp_path / "here", "new")
    assert names(tmp_path / "here") == ["a.txt"]
    assert (tmp_path / "here" / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["here"]


def test_an_error_while_writing_leaves_the_old_one(tmp_path):
    write(tmp_path / "here", "old")
    with pytest.raises(TypeError):
        write(tmp_path / "here", None)
    assert (tmp_path / "here" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["here"]


def test_an_error_while_taking_the_place_brings_the_old_one_back(tmp_path, monkeypatch):
    write(tmp_path / "here", "old")
    rename, calls = Path.rename, []

    def second_fails(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == 2:
            raise OSError("the disk went away")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(OSError, match="went away"):
        write(tmp_path / "here", "new")
    assert (tmp_path / "here" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["here"]


def test_the_old_one_is_on_the_disk_until_the_new_one_has_its_name(tmp_path, monkeypatch):
    write(tmp_path / "here", "old")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as if killed before it is deleted
    write(tmp_path / "here", "new")
    kept = {(path / "a.txt").read_text() for path in tmp_path.iterdir()}
    assert kept == {"old", "new"}


def test_a_link_keeps_pointing_at_the_folder(tmp_path):
    write(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"


def test_the_working_folder_has_a_name_too(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(Path(), "one")
    assert (tmp_path / "here" / "a.txt").read_text() == "one"


def test_what_is_foreign(tmp_path):
    assert foreign_entry(tmp_path / "nothing", ["a.txt"]) is None
    assert foreign_entry(tmp_path, ["a.txt"]) is None
    (tmp_path / "a.txt").write_text("")
    assert foreign_entry(tmp_path, ["a.txt"]) is None
    (tmp_path / "b.txt").write_text("")
    assert foreign_entry(tmp_path, ["a.txt"]) == "b.txt"
    assert foreign_entry(tmp_path / "a.txt", ["a.txt"]) == "a.txt"
