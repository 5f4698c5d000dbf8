"""Every failure intentml tells a person about, and nothing else.

What comes in: what went wrong, where, how often, one example, what to do. What goes out: one
exception whose text is a sentence and whose `to_dict` is the error body of contracts (command
line, Python and HTTP alike). People's addresses never enter an error.

The tree::

    IntentmlError
    ├── DataError            a table breaks its contract
    │   ├── ContractError    one or more rules failed; carries every failure at once
    │   └── MappingError     the column mapping names what is not there
    ├── TimeError            a question the data's dates cannot answer
    │   └── IncompleteOutcomeError   the window ends after the data does
    ├── RecipeError          an unknown setting, or a value out of its range
    ├── StudyError           a study folder that cannot be used, or answers another question
    ├── UnknownTargetError   a category, brand or product nobody has heard of, or a name that fits several
    ├── ModelError           a model folder that cannot be used
    ├── ScoresError          a scores folder that cannot be used, or asked for what it does not hold
    ├── RuleError            a rule that is none, or asks for what these customers do not have
    ├── LedgerError          a ledger that cannot be used, of another shop, or asked to rewrite what was
    ├── RequestError         a request to the service that is none, or that its sender may not make
    │   ├── MalformedRequestError    its body is not JSON
    │   ├── TooLargeError    it asks for more, or brings more, than is taken at once
    │   ├── ConflictError    it contradicts one before it
    │   ├── MediaTypeError   its body is not called JSON
    │   ├── SlowBodyError    its body did not arrive in time
    │   ├── UnauthorizedError        it has no key, or one that nobody has
    │   └── ForbiddenError   its key does not open this
    ├── UnavailableError     the service cannot answer now; says when to ask again
    │   ├── ArrivalsError    its log of order lines cannot be used
    │   └── TooManyRequestsError     this client asks more often than it may
    ├── SetupError           keys or limits of the service that cannot be used
    ├── TrackingError        a tracking store that cannot be used, or lacks the model asked for
    ├── PromotionError       a model that loses to a prior
    ├── PeerError            a peer that is unknown, or has no environment to run in
    └── ServiceError         the service cannot be reached, or refuses in a way that has no class here
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class IntentmlError(Exception):
    """Base of all errors that are the user's to mend.

    Args:
        message: What is wrong, where and how often, in one sentence.
        table: Table the problem is in, if any.
        column: Column the problem is in, if any.
        rows: First few row numbers (0-based position in the table as read).
        hint: What to do about it.
        request_id: Id of the HTTP request, if there was one.
    """

    code = "error"
    status: int | None = None
    """The status of the HTTP answer that told it; `intentml.Client` sets it."""

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        column: str | None = None,
        rows: Sequence[int] = (),
        hint: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message = message
        self.table = table
        self.column = column
        self.rows = tuple(int(row) for row in rows)
        self.hint = hint
        self.request_id = request_id
        super().__init__(message if hint is None else f"{message}\n  hint: {hint}")

    def to_dict(self) -> dict[str, Any]:
        """The error body: `{code, message, table, column, rows, hint, request_id}`."""
        return {
            "code": self.code,
            "message": self.message,
            "table": self.table,
            "column": self.column,
            "rows": list(self.rows),
            "hint": self.hint,
            "request_id": self.request_id,
        }


class DataError(IntentmlError):
    """A table cannot be read or does not mean what its contract says."""

    code = "data"


class ContractError(DataError):
    """One or more contract rules failed; `failures` holds them all, the message tells them all."""

    code = "contract"

    def __init__(self, message: str, *, failures: Sequence[Any] = (), **where: Any) -> None:
        self.failures = tuple(failures)
        super().__init__(message, **where)


class MappingError(DataError):
    """A column mapping names a table or column that is not there."""

    code = "mapping"


class TimeError(IntentmlError):
    """The dates in the data cannot answer the question."""

    code = "time"


class IncompleteOutcomeError(TimeError):
    """The outcome window is not wholly covered by the data."""

    code = "incomplete_outcome"


class RecipeError(IntentmlError):
    """A recipe with an unknown key or a value out of range."""

    code = "recipe"


class StudyError(IntentmlError):
    """A study folder is in use, cannot be read or answers another question, or no trial of it succeeded."""

    code = "study"


class UnknownTargetError(IntentmlError):
    """A product, category, node or brand that is unknown, or a name that fits several."""

    code = "unknown_target"


class ModelError(IntentmlError):
    """A model folder is missing, corrupt, of another version, or does not fit the data."""

    code = "model"


class ScoresError(IntentmlError):
    """A scores folder is missing, corrupt, of another shop, or lacks what was asked."""

    code = "scores"


class HorizonError(ScoresError):
    """The scores do not hold the horizon asked about; the message names those they do."""

    code = "horizon"


class UnknownCustomerError(ScoresError):
    """The customer is not among those scored."""

    code = "unknown_customer"


class RuleError(IntentmlError):
    """A rule that cannot be read, names what nobody knows, or goes round in a circle."""

    code = "rule"


class UnknownAudienceError(RuleError):
    """No audience has that name."""

    code = "unknown_audience"


class LedgerError(IntentmlError):
    """A ledger that is in use, broken or of another shop, or asked for what it does not hold or allow."""

    code = "ledger"


class RequestError(IntentmlError):
    """A request to the service lacks a field, has an unknown one, or a value that is none."""

    code = "request"


class MalformedRequestError(RequestError):
    """The body of a request is not JSON."""

    code = "malformed"


class TooLargeError(RequestError):
    """A request asks for more than is answered at once."""

    code = "too_large"


class ConflictError(RequestError):
    """A request contradicts one before it."""

    code = "conflict"


class MediaTypeError(RequestError):
    """The body of a request is called something else than JSON."""

    code = "media_type"


class SlowBodyError(RequestError):
    """The body of a request did not arrive in time."""

    code = "slow_body"


class UnauthorizedError(RequestError):
    """A request has no key, or one that the service does not know."""

    code = "unauthorized"


class ForbiddenError(RequestError):
    """A request has a key whose scope does not reach so far."""

    code = "forbidden"


class UnavailableError(IntentmlError):
    """The service cannot answer now; the same request may be answered later.

    Args:
        message: What is the matter.
        retry_after_s: After how many seconds it is worth asking again; at least 1.
        **where: As of every error.
    """

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 1, **where: Any) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, **where)


class ArrivalsError(UnavailableError):
    """The log of order lines that came in cannot be read or written, or is none."""

    code = "arrivals"


class TooManyRequestsError(UnavailableError):
    """A client asks more often than it may."""

    code = "too_many_requests"


class SetupError(IntentmlError):
    """Keys or limits of the service that cannot be used as they were set."""

    code = "setup"


class TrackingError(IntentmlError):
    """The tracking store or its model registry cannot be used, or lacks what was asked for."""

    code = "tracking"


class PromotionError(IntentmlError):
    """A model that loses to a prior, or that nothing is known of to compare."""

    code = "promotion"


class PeerError(IntentmlError):
    """A peer that nobody knows, or an environment for peers that cannot be made."""

    code = "peer"


class ServiceError(IntentmlError):
    """The service cannot be reached, or answered what no other class stands for.

    Args:
        message: What is wrong.
        code: What the service calls it.
        status: Of the answer; None where there was none.
        where: As in `IntentmlError`.
    """

    code = "service"

    def __init__(
        self, message: str, *, code: str | None = None, status: int | None = None, **where: Any
    ) -> None:
        self.code = code or type(self).code
        self.status = status
        super().__init__(message, **where)


def without_address(text: str) -> str:
    """A name as an error may tell it: where it is somebody's address, not at all.

    >>> without_address("C-7"), without_address("jane@example.com")
    ('C-7', '(an address)')
    """
    return "(an address)" if "@" in text else text


def nearest(name: str, known: Iterable[str], limit: int = 5) -> list[str]:
    """The known names most like `name`, best first; where one differs in case alone, nothing else.

    >>> nearest("chese", ["CHEESE", "BEEF"]), nearest("cheese", ["CHEESES", "Cheese", "CHEESE"])
    (['CHEESE'], ['Cheese', 'CHEESE'])
    """
    spellings: dict[str, list[str]] = {}
    for candidate in dict.fromkeys(known):
        spellings.setdefault(candidate.casefold(), []).append(candidate)
    wanted = name.casefold()
    if wanted in spellings:
        return spellings[wanted][:limit]
    close = difflib.get_close_matches(wanted, spellings, n=limit, cutoff=0.5)
    close += [folded for folded in spellings if wanted and wanted in folded and folded not in close]
    return [candidate for folded in close for candidate in spellings[folded]][:limit]
