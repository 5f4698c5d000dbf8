"""Keys: who is let in, with what, and what of a key is ever seen again."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from asgi import Answer, ask, echo
from intentml.errors import SetupError
from intentml.service.door import Door
from intentml.service.keys import Key, Keyring, Lock, key_of, read_keys, scope_of

TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
SECRETS = {scope: key_of(TOKEN[n:] + TOKEN[:n]) for n, scope in enumerate(("read", "write", "admin"))}
KEYS = tuple(Key.of(f"the-{scope}er", scope, secret) for scope, secret in SECRETS.items())


class Clock:
    """A stop watch that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def locked(keyring: Keyring = Keyring(KEYS)) -> Door:  # noqa: B008 - it is never changed
    return Door(Lock(echo, keyring), {"/predict"})


def bearing(scope: str) -> dict[str, str]:
    return {"authorization": f"Bearer {SECRETS[scope]}"}


def test_a_key_is_let_in_by_either_header() -> None:
    for headers in (
        bearing("read"),
        {"x_api_key": SECRETS["read"]},
        {"authorization": f"bearer {SECRETS['read']}"},
    ):
        assert ask(locked(), **headers).status == 200


def test_another_scheme_does_not_hide_the_other_header() -> None:
    assert ask(locked(), authorization="Basic eDp5", x_api_key=SECRETS["read"]).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Basic eDp5"},
        {"authorization": SECRETS["read"]},
        {"x_api_key": SECRETS["read"][:-1]},
        {"x_api_key": KEYS[0].digest},
        {"x_api_key": "ü"},
    ],
    ids=["none", "an empty one", "another scheme", "no scheme", "nearly one", "a hash", "no text"],
)
def test_without_a_key_nobody_is_let_in_and_is_told_how_to_be(headers: dict[str, str]) -> None:
    told = ask(locked(), **headers)
    assert (told.status, told.error["code"]) == (401, "unauthorized")
    assert told.headers["www-authenticate"].startswith("Bearer")
    assert told.error["hint"]
    assert SECRETS["read"][:-1] not in str(told.sent)


REACH = {"/predict": "read", "/metrics": "read", "/docs.json": "read", "/": "read", "/nowhere": "read"}
REACH |= {"/orders": "write", "/admin/reload": "admin", "/admin": "admin"}


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
@pytest.mark.parametrize(("path", "wanted"), REACH.items())
def test_a_scope_has_those_below_it_and_none_above(path: str, wanted: str, scope: str) -> None:
    order = ["read", "write", "admin"]
    told = ask(locked(), path, **bearing(scope))
    if order.index(scope) >= order.index(wanted):
        assert told.status == 200
    else:
        assert (told.status, told.error["code"]) == (403, "forbidden")
        assert f"needs the scope {wanted}" in told.error["message"]


def test_orders_are_read_with_less_than_they_are_written() -> None:
    assert [scope_of(method, "/orders") for method in ("GET", "HEAD", "POST", "DELETE")] == [
        "read",
        "read",
        "write",
        "write",
    ]
    assert scope_of("GET", "/orders-of-magnitude") == scope_of("POST", "/administration") == "read"


def test_probes_and_the_version_need_no_key() -> None:
    for path in ("/livez", "/readyz", "/healthz", "/health", "/ready", "/version"):
        assert ask(locked(), path, method="GET").status == 200


def test_without_any_key_configured_everybody_is_let_in() -> None:
    assert ask(locked(Keyring()), "/admin/reload").status == 200
    assert not Keyring.of({"INTENTML_KEYS": ""})


def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    for kind in ("lifespan", "websocket"):
        ask_raw = Lock(app, Keyring(KEYS))({"type": kind}, None, None)
        with pytest.raises(StopIteration):
            ask_raw.send(None)
    assert seen == ["lifespan", "websocket"]


# -- what is kept -----------------------------------------------------------------------------------


def test_only_the_hash_of_a_key_is_kept() -> None:
    key = Key.of("checkout", "read", SECRETS["read"])
    assert key.line == f"checkout read {hashlib.sha256(SECRETS['read'].encode()).hexdigest()}"
    assert read_keys(f"# of the shop\n\n{key.line}  # new\n", "keys") == (key,)


def test_the_environment_may_write_keys_in_one_line() -> None:
    keyring = Keyring.of({"INTENTML_KEYS": "; ".join(key.line for key in KEYS)})
    assert keyring.keys == KEYS


def test_two_keys_of_one_name_are_both_good_while_one_takes_over() -> None:
    keyring = Keyring((Key.of("a", "read", "old"), Key.of("a", "read", "new")))
    assert [bool(keyring.find(key)) for key in ("old", "new", "other")] == [True, True, False]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("checkout read", "not NAME SCOPE SHA256HEX"),
        (f"checkout all {'a' * 64}", "the scope is none of read, write, admin"),
        (f"check@out read {'a' * 64}", "the name"),
        (f"checkout read {'a' * 63}", "the hash is not 64 digits"),
        (f"checkout read {SECRETS['read']}", "replace that key"),
    ],
)
def test_a_line_that_is_none_is_told_by_its_number_without_what_stands_in_it(
    tmp_path: Path, line: str, what: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEYS[0].line}\n{line}\n")
    with pytest.raises(SetupError) as caught:
        Keyring.of({"INTENTML_KEYS_FILE": str(file)})
    told = str(caught.value)
    assert f"{file}, line 2: " in told
    assert what in told
    assert f"intentml key new NAME --scope read --file {file}" in told
    assert line.split()[-1] not in told.replace("--scope read", "")


def test_a_file_without_a_key_is_an_error_and_no_open_house(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(SetupError, match="cannot be read: no such file"):
        Keyring.of({"INTENTML_KEYS_FILE": str(file)})
    file.write_text("# none yet\n")
    with pytest.raises(SetupError, match="holds no key"):
        Keyring.of({"INTENTML_KEYS_FILE": str(file)})


# -- a file that changes ----------------------------------------------------------------------------


def put(file: Path, text: str) -> None:
    """Write aside and rename, as `intentml key new` does."""
    aside = file.with_suffix(".aside")
    aside.write_text(text)
    aside.replace(file)


def test_a_key_is_replaced_without_a_restart(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys", Clock()
    put(file, Key.of("a", "read", "old").line)
    keyring = Keyring(KEYS, file, clock)
    assert keyring.find("old")
    put(file, Key.of("a", "read", "new").line)
    assert keyring.find("old"), "looked at more often than once a second"
    clock.seconds += 1
    assert not keyring.find("old")
    assert keyring.find("new")
    assert keyring.find(SECRETS["admin"]), "a key of the environment"


@pytest.mark.parametrize("broken", ["a read", "", None], ids=["a broken line", "emptied", "removed"])
def test_a_file_that_breaks_leaves_the_keys_as_they_were_and_says_so_once(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file, clock = tmp_path / "keys", Clock()
    put(file, Key.of("a", "read", "old").line)
    keyring = Keyring((), file, clock)
    if broken is None:
        file.unlink()
    else:
        put(file, broken)
    with caplog.at_level(logging.INFO, "intentml.service"):
        for _ in range(3):
            clock.seconds += 1
            assert keyring.find("old")
        assert len(caplog.records) == 1
        assert "the keys stay as they were" in caplog.text
        put(file, Key.of("a", "read", "new").line)
        clock.seconds += 1
        assert keyring.find("new")
    assert Key.of("a", "read", "new").digest not in caplog.text


def test_the_log_tells_the_name_of_a_key_and_not_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "intentml.service"):
        answers: list[Answer] = [
            ask(locked(), **bearing("read")),
            ask(locked(), "/orders", **bearing("read")),
            ask(locked(), x_api_key="im_wrong"),
        ]
    assert [one.status for one in answers] == [200, 403, 401]
    assert caplog.text.count('"key": "the-reader"') == 2
    assert caplog.text.count('"key": null') == 1
    assert not any(secret in caplog.text for secret in (*SECRETS.values(), "im_wrong", KEYS[-1].digest))
