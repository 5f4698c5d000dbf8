"""`key new`: a key is shown once, and its hash goes into a file."""

from __future__ import annotations

import stat
from pathlib import Path

from command_line import answer, run
from intentml.cli.failures import PROBLEM, USAGE
from intentml.service.keys import Keyring, read_keys


def test_a_key_is_shown_once_and_its_line_is_added_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"# the shop's own, \xfc\n")
    told = run("key", "new", "checkout", "--scope", "read", "--file", file)
    assert told.exit_code == 0, told.output
    (key,) = told.stdout.split()
    second = answer("key", "new", "nightly", "--scope", "write", "--file", file)
    keyring = Keyring.of({"INTENTML_KEYS_FILE": str(file)})
    found = [keyring.find(one) for one in (key, second["key"])]
    assert [(one.name, one.scope) for one in found if one] == [("checkout", "read"), ("nightly", "write")]
    assert file.read_bytes().startswith(b"# the shop's own, \xfc\ncheckout read ")
    assert key.encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_file_the_line_is_told_to_be_put_somewhere() -> None:
    told = run("key", "new", "checkout", "--scope", "admin")
    key, line = told.stdout.splitlines()
    assert key.startswith("im_")
    assert len(key) == 46
    keyring = Keyring(read_keys(line, "INTENTML_KEYS"))
    assert keyring.find(key) == keyring.keys[0]
    assert "INTENTML_KEYS" in told.stderr


def test_no_two_keys_are_alike() -> None:
    assert len({answer("key", "new", "a", "--scope", "read")["key"] for _ in range(20)}) == 20


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    answer("key", "new", "a", "--scope", "read", "--file", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(read_keys((tmp_path / "keys").read_text(), "keys")) == 1


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("customer_id,order_id\n1,2\n")
    error = answer("key", "new", "a", "--scope", "read", "--file", file, status=PROBLEM)["error"]
    assert (error["code"], "line 1" in error["message"]) == ("setup", True)
    assert file.read_text() == "customer_id,order_id\n1,2\n"


def test_names_and_scopes_that_are_none_are_refused() -> None:
    error = answer("key", "new", "jane@mail.example", "--scope", "read", status=PROBLEM)["error"]
    assert error["code"] == "setup"
    assert "jane" not in str(error)
    assert run("key", "new", "a", "--scope", "all").exit_code == USAGE
    assert run("key", "new", "a").exit_code == USAGE
