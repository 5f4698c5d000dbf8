"""Audiences over HTTP: who is in, page by page, how many, why, and one against another.

What comes in: a scored shop with the order lines that came in since, where the tables lie that were scored,
and requests. What goes out: bodies of responses. Who bought since is known as of the instant of the
customer's new scores, everybody else as of the scores' own. Nothing that a request names is ever opened as
a file.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa

from intentml.audiences.anew import RenewableAudiences, Told
from intentml.audiences.audience import Audience, audience_of
from intentml.audiences.audiences import UNNAMED, Audiences
from intentml.audiences.leaves import Happened, InterestedIn, Purchased, SimilarTo
from intentml.audiences.rule import leaves
from intentml.audiences.view import I32
from intentml.errors import (
    ConflictError,
    IntentmlError,
    RequestError,
    RuleError,
    UnavailableError,
    UnknownAudienceError,
    nearest,
)
from intentml.insights.comparison import comparison
from intentml.insights.overlap import overlap
from intentml.scores.answers import about
from intentml.scores.scores import Scores
from intentml.service.overlay import snapshot_of_customer
from intentml.service.requests import (
    AudienceRequest,
    CompareRequest,
    MembersRequest,
    ReasonRequest,
    Rule,
)
from intentml.service.shop import ScoredShop

# How long reading a shop's tables takes, roughly: who asks meanwhile is told to come again.
_OPENING_SECONDS = 5
# When what could not be read is tried again.
_AGAIN_SECONDS = 30
# Parts of a rule that read a history or rank everybody: of a rule sent, and kept for the next ones.
_HEAVY = (Purchased, Happened, InterestedIn, SimilarTo)
_MOST_HEAVY, _MOST_KEPT = 50, 256


class ServedAudiences:
    """The audiences of the scores that are served, opened when they are first asked for.

    Args:
        opening: Reads the tables of the shop that was scored; takes seconds, or minutes.
    """

    def __init__(self, opening: Callable[[Scores], RenewableAudiences]) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._of: Scores | None = None
        self._opened: RenewableAudiences | IntentmlError | None = None
        self._opened_at = 0.0
        self._next: tuple[Scores, RenewableAudiences | IntentmlError] | None = None

    def of(self, shop: ScoredShop) -> Audiences:
        """The audiences of a shop, with the order lines that it knows.

        Raises:
            UnavailableError: They are just being opened.
            IntentmlError: They cannot be.
        """
        scores = shop.scores
        with self._lock:
            if self._next is not None and self._next[0] is scores:
                (self._of, self._opened), self._next, self._opened_at = self._next, None, monotonic()
            failed = isinstance(self._opened, IntentmlError)
            if self._of is not scores or (failed and monotonic() - self._opened_at > _AGAIN_SECONDS):
                self._of, self._opened = scores, None
                threading.Thread(target=self._open, args=(shop,), daemon=True).start()
            opened = self._opened
        if opened is None:
            raise UnavailableError(
                "the tables of the shop are being read for its audiences",
                retry_after_s=_OPENING_SECONDS,
                hint="ask again in a while",
            )
        if isinstance(opened, IntentmlError):
            raise opened
        known = opened.knowing(_told(shop))
        known.selector.forget(more_than=_MOST_KEPT)
        return known

    def prepare(self, shop: ScoredShop) -> None:
        """Open the audiences of a shop that comes next, if any were asked for; the old ones go on."""
        if self._of is not None:
            opened = self._read(shop)
            with self._lock:
                self._next = shop.scores, opened

    def _open(self, shop: ScoredShop) -> None:
        opened = self._read(shop)
        with self._lock:
            if self._of is shop.scores:
                self._opened, self._opened_at = opened, monotonic()

    def _read(self, shop: ScoredShop) -> RenewableAudiences | IntentmlError:
        """The audiences, with what came in by now, or why there are none."""
        try:
            opened = self._opening(shop.scores)
            opened.knowing(_told(shop))
            return opened
        except IntentmlError as problem:
            return problem
        except Exception as problem:  # who asks must hear of it: nobody waits for this thread
            return UnavailableError(
                f"the tables of the shop cannot be read: {type(problem).__name__}",
                retry_after_s=_AGAIN_SECONDS,
                hint="they are tried again in a while",
            )

    # -- the answers ----------------------------------------------------------------------------

    def list(self, shop: ScoredShop) -> dict[str, Any]:
        """Every audience, how many are in, or why this shop cannot have it; broken files too."""
        ours = self.of(shop)
        found = ours.usable()
        none = {"title": None, "rule": None, "customers": None}
        return {
            **about(shop.scores),
            "audiences": [
                {
                    "name": name,
                    "title": ours.known[name].title,
                    "rule": ours.known[name].text,
                    "customers": None if isinstance(count, IntentmlError) else count,
                    "problem": count.message if isinstance(count, IntentmlError) else None,
                }
                for name, count in found.items()
            ]
            + [{"name": name, **none, "problem": why.message} for name, why in ours.broken.items()],
        }

    def preview(self, shop: ScoredShop, request: AudienceRequest) -> dict[str, Any]:
        """How many are in, what each part of the rule does, how far they can be reached."""
        ours = self.of(shop)
        return {**about(shop.scores), **ours.preview(meant(ours, request.audience)).model_dump(mode="json")}

    def members(self, shop: ScoredShop, request: MembersRequest) -> dict[str, Any]:
        """Who is in, by id, some at a time.

        Each page is of its own moment: who enters or leaves in between as orders come in may stand on none.

        Raises:
            ConflictError: The page before was of other scores, or of another rule.
        """
        ours = self.of(shop)
        audience = meant(ours, request.audience)
        told = shop.scores.manifest
        mark = f"{told.model.version} {told.as_of} {audience.version}"
        rows = ours.selector.rows(audience.rule)
        ids = ours.selector.customer_ids[rows]
        start = 0
        if request.cursor is not None:
            start = int(np.searchsorted(ids, _after(request.cursor, mark), side="right"))
        page = slice(start, start + request.limit)
        more = start + request.limit < len(ids)
        return {
            **about(shop.scores),
            "audience": audience.name,
            "total": len(ids),
            "customers": ours.told_of(audience, rows[page], request.fields),
            "next_cursor": _cursor(str(ids[page][-1]), mark) if more else None,
        }

    def explain(self, shop: ScoredShop, request: ReasonRequest) -> dict[str, Any]:
        """Why a customer is in, or is not: every part of the rule, with the value seen.

        And of every interest why the model expects it, by what was known of the customer at `as_of`.
        """
        ours = self.of(shop)
        audience = meant(ours, request.audience)
        reason = ours.explain(audience, request.customer_id, shop.predictor)
        told = about(shop.scores)
        return {
            **told,
            "as_of": shop.overlay.as_of.get(request.customer_id, told["as_of"]),
            "audience": audience.name,
            "customer_id": request.customer_id,
            "reason": reason.model_dump(mode="json"),
        }

    def compare(self, shop: ScoredShop, request: CompareRequest) -> dict[str, Any]:
        """Audiences side by side, and how far they are the same people."""
        ours = self.of(shop)
        names = [_known(ours, name).name for name in request.audiences] or None
        found, both = comparison(ours, names), overlap(ours, names, "inside")
        return {
            **about(shop.scores),
            "audiences": _records_of(found.reset_index()),
            "overlap": dict(zip(map(str, both.index), _records_of(both), strict=True)),
        }

    def rows(self, shop: ScoredShop, asked: Rule) -> I32:
        """Rows of the members among everybody, ascending."""
        ours = self.of(shop)
        return ours.selector.rows(meant(ours, asked).rule)


def _told(shop: ScoredShop) -> Told | None:
    """What came in since the scores were made; None where nothing did."""
    overlay = shop.overlay
    if overlay.scores is None:
        return None
    return Told(
        overlay.lines, overlay.as_of, overlay.scores, lambda one: snapshot_of_customer(shop, overlay, one)
    )


def meant(audiences: Audiences, asked: Rule) -> Audience:
    """The audience of a request: a name, a rule as text, or a tree. Never a file.

    Raises:
        UnknownAudienceError: There is none of that name.
        RuleError: The rule is none.
    """
    if isinstance(asked, Mapping):
        return _affordable(audience_of(UNNAMED, {"title": UNNAMED, "rule": dict(asked)}))
    names = audiences.known.keys() | audiences.broken.keys()
    if asked in names or asked.replace("-", "").replace("_", "").isalnum():
        return _known(audiences, asked)
    return _affordable(audience_of(UNNAMED, {"title": UNNAMED, "rule": asked}))


def _known(audiences: Audiences, name: str) -> Audience:
    """The audience of a name.

    Raises:
        UnknownAudienceError: There is none.
        RuleError: Its file is broken.
    """
    if name in audiences.broken:
        raise audiences.broken[name].with_traceback(None)  # else it would grow with every request
    if name not in audiences.known:
        near = nearest(name, audiences.known)
        raise UnknownAudienceError(
            "there is no audience of that name",
            hint=f"perhaps {', '.join(near)}" if near else "GET /audiences lists them",
        )
    return audiences.known[name]


def _affordable(audience: Audience) -> Audience:
    """A rule that somebody sent, which may not keep all others waiting."""
    count = sum(isinstance(leaf, _HEAVY) for leaf in leaves(audience.rule))
    if count > _MOST_HEAVY:
        raise RuleError(
            f"the rule asks {count} times about purchases, events, interests or likeness, "
            f"more than the {_MOST_HEAVY} that are answered here",
            hint="name several products or types in one part, or keep the rule as an audience of the shop",
        )
    return audience


def _cursor(last: str, mark: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, mark]).encode()).decode()


def _after(cursor: str, mark: str) -> str:
    """The id after which the next page begins."""
    try:
        last, seen = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        last = seen = None
    if not isinstance(last, str) or not isinstance(seen, str):
        raise RequestError("the cursor is none of ours", column="cursor", hint="send next_cursor as it came")
    if seen != mark:
        raise ConflictError(
            "the page before was of other scores, or of another rule",
            column="cursor",
            hint="begin again without a cursor",
        )
    return last


def _records_of(frame: Any) -> list[dict[str, Any]]:
    """Rows, with null for what is missing."""
    rows: list[dict[str, Any]] = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return rows
