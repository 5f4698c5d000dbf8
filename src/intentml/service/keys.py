"""Who may ask: keys of three scopes, of which only hashes are kept, looked up at every request.

What comes in: the lines of a keys file or of the environment, `NAME SCOPE SHA256HEX`, and a request's
headers. What goes out: the name of who asks, or an error. A key itself is never stored and never told.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from intentml.errors import ForbiddenError, SetupError, UnauthorizedError

KEYS, KEYS_FILE = "INTENTML_KEYS", "INTENTML_KEYS_FILE"
SCOPES = ("read", "write", "admin")  # each has those before it
FREE = frozenset({"/livez", "/readyz", "/healthz", "/health", "/ready", "/version"})
_PREFIX = "im_"  # so that a key that got into a log or a repository is recognised as one
_KEY = re.compile(_PREFIX + r"[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_SECONDS_BETWEEN_LOOKS = 1.0

log = logging.getLogger("intentml.service")
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key.

    Attributes:
        name: Whose it is, as logs tell it.
        scope: One of read, write, admin.
        digest: SHA-256 of the key, in hex.
    """

    name: str
    scope: str
    digest: str

    @classmethod
    def of(cls, name: str, scope: str, key: str) -> Key:
        """What is to be kept of a new key.

        Raises:
            SetupError: The name could not stand in a line.
        """
        if not _NAME.fullmatch(name):
            raise SetupError(
                "the name of a key has 1 to 64 letters, digits, dots, dashes and underscores",
                hint="name who will use it, e.g. checkout or nightly-import",
            )
        return cls(name, scope, _digest(key))

    @property
    def line(self) -> str:
        """The line of a keys file."""
        return f"{self.name} {self.scope} {self.digest}"


def key_of(token: str) -> str:
    """The key with this secret part: what `secrets.token_urlsafe(32)` gives."""
    return _PREFIX + token


def read_keys(text: str, source: str) -> tuple[Key, ...]:
    """The keys of a text: one a line (or between semicolons), `#` begins a comment.

    A name may stand twice, while one key of it takes over from another.

    Args:
        text: The lines.
        source: How errors call the text: the file, or the variable.

    Raises:
        SetupError: A line is none, told by its number, without what stands in it; or there is no line.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        for part in line.partition("#")[0].split(";"):
            if words := part.split():
                if wrong := _wrong(words):
                    raise SetupError(f"{source}, line {number}: {wrong}", hint=_remedy(source))
                keys.append(Key(*words))
    if not keys:
        # Without keys everybody may ask: an emptied file must not mean that.
        raise SetupError(f"{source} holds no key", hint=_remedy(source))
    return tuple(keys)


class Keyring:
    """The keys that are known now; those of a file change with it.

    Args:
        fixed: Keys that do not change.
        file: Where more of them stand, looked at again at most once a second.
        clock: Seconds that only go forward.

    Raises:
        SetupError: The file cannot be read, or a line of it is none.
    """

    def __init__(
        self, fixed: tuple[Key, ...] = (), file: Path | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self.fixed, self.file, self.clock = fixed, file, clock
        self.keys = fixed
        self._seen: tuple[int, ...] | None = None
        self._next_look = clock() + _SECONDS_BETWEEN_LOOKS
        if file is not None:
            self._seen, self.keys = _state(file), (*fixed, *_read(file))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Keyring:
        """The keys that the environment has and names.

        Raises:
            SetupError: They cannot be read.
        """
        text, file = environment.get(KEYS), environment.get(KEYS_FILE)
        return cls(read_keys(text, KEYS) if text else (), Path(file) if file else None)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def find(self, key: str) -> Key | None:
        """Who has this key. All are compared in full: the time taken says nothing about them."""
        self._look()
        digest, found = _digest(key), None
        for one in self.keys:
            if hmac.compare_digest(one.digest, digest):
                found = one
        return found

    def _look(self) -> None:
        """Read the file again if it is another one; one that cannot be used leaves things as they are."""
        now = self.clock()
        if self.file is None or now < self._next_look:
            return
        self._next_look = now + _SECONDS_BETWEEN_LOOKS
        seen = _state(self.file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.keys = (*self.fixed, *_read(self.file))
            log.info("%s was read again; keys known: %d", self.file, len(self.keys))
        except SetupError as problem:
            log.error("the keys stay as they were: %s", problem.message)


class Lock:
    """Lets in who has a key of the scope that the path asks for; everybody where there are no keys.

    Args:
        app: What is behind it.
        keyring: The keys.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], keyring: Keyring) -> None:
        self.app, self.keyring = app, keyring

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Pass a request on, or raise why not."""
        if scope["type"] == "http" and self.keyring and scope["path"] not in FREE:
            self._open(scope)
        await self.app(scope, receive, send)

    def _open(self, scope: Message) -> None:
        """Write into the scope who asks, or raise."""
        presented = _presented(scope["headers"])
        if presented is None:
            raise UnauthorizedError(
                "a key is needed", hint="send it as Authorization: Bearer KEY, or as X-API-Key: KEY"
            )
        key = self.keyring.find(presented)
        if key is None:
            raise UnauthorizedError(
                "the service does not know this key", hint="was it replaced? `intentml key new` makes one"
            )
        scope.setdefault("state", {})["key"] = key.name
        wanted = scope_of(scope["method"], scope["path"])
        if SCOPES.index(key.scope) < SCOPES.index(wanted):
            raise ForbiddenError(
                f"this path needs the scope {wanted}, and the key has {key.scope}",
                hint=f"ask with a key of the scope {wanted}",
            )


def scope_of(method: str, path: str) -> str:
    """The scope that a path asks for.

    >>> scope_of("POST", "/orders"), scope_of("POST", "/admin/reload"), scope_of("POST", "/predict")
    ('write', 'admin', 'read')
    """
    if path == "/admin" or path.startswith("/admin/"):
        return "admin"
    if method not in {"GET", "HEAD"} and (path == "/orders" or path.startswith("/orders/")):
        return "write"
    return "read"


def _presented(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The key that a request brings."""
    named = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip().decode("latin-1")
        if name == b"x-api-key":
            named = value.strip().decode("latin-1")
    return named


def _digest(key: str) -> str:
    # Of 256 random bits one round is enough: nobody can guess what was hashed.
    return hashlib.sha256(key.encode()).hexdigest()


def _wrong(words: list[str]) -> str | None:
    """What is wrong with the words of a line; none of them is told, one may be a key."""
    if any(_KEY.fullmatch(word) for word in words):
        return "a key itself stands there, where only its hash belongs: replace that key"
    if len(words) != 3:
        return "it is not NAME SCOPE SHA256HEX"
    if not _NAME.fullmatch(words[0]):
        return "the name has other characters than letters, digits, dots, dashes and underscores"
    if words[1] not in SCOPES:
        return f"the scope is none of {', '.join(SCOPES)}"
    return None if _HASH.fullmatch(words[2]) else "the hash is not 64 digits of 0-9 a-f"


def _remedy(source: str) -> str:
    where = "" if source == KEYS else f" --file {source}"
    return f"`intentml key new NAME --scope read{where}` makes a key and its line"


def _state(file: Path) -> tuple[int, ...] | None:
    """What tells one version of a file from another."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino, about.st_size


def _read(file: Path) -> tuple[Key, ...]:
    try:
        text = file.read_text("utf-8", "surrogateescape")
    except OSError as problem:
        why = (problem.strerror or "refused").lower()
        raise SetupError(f"the keys file {file} cannot be read: {why}", hint=_remedy(str(file))) from problem
    return read_keys(text, str(file))
