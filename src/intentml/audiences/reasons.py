"""Why a model expects somebody to buy: the reasons of an `interested_in` leaf, in words.

What comes in: what a model's `explain` says. What goes out: `InterestReasons`, to print or send.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from intentml.priors.explaining import Explanation
from intentml.timeline import Snapshot


class Explainer(Protocol):
    """What tells reasons: a model that was trained or loaded."""

    @property
    def fingerprint(self) -> str:
        """Which model it is."""
        ...

    def explain(
        self, snapshot: Snapshot, customer: str, kind: str, target: str | None, horizon_days: int
    ) -> Explanation:
        """Why a customer's probability is what it is."""
        ...


class InterestPart(BaseModel):
    """One reason.

    Attributes:
        name: What kind of reason, the same for everybody.
        words: The reason, for a reader.
        logit: What it adds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    words: str
    logit: float


class InterestReasons(BaseModel):
    """Why a customer is expected to buy a target, or not to: of several, the likeliest alone.

    Attributes:
        kind: Kind of target.
        target: The target.
        horizon_days: The window.
        probability: P(buys that target).
        logit: Its log-odds: the sum of the parts.
        parts: `base_rate` first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    target: str
    horizon_days: int
    probability: float
    logit: float
    parts: tuple[InterestPart, ...]

    @classmethod
    def of(cls, found: Explanation) -> InterestReasons:
        """What a model said of a target."""
        told = found.to_dict()
        return cls.model_validate({name: told[name] for name in cls.model_fields})

    def lines(self) -> Iterator[str]:
        """For people: about what, then a part a line; the start first, then what counts most."""
        yield f"{self.target} ({self.kind}) within {self.horizon_days} days: {self.probability:.1%}, because"
        start, *others = self.parts
        for part in (start, *sorted(others, key=lambda part: -abs(part.logit))):
            yield f"  {part.logit:+6.2f}  {part.name}: {part.words}"
