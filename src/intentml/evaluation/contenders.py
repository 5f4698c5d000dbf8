"""Who stands in a comparison: the recipe, the baselines that it must not lose to, and peers.

What comes in: fitted predictors. What goes out: `Contenders`. Peers are predictors of other packages
behind the same protocol; they are shown beside the baselines and no verdict depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intentml.errors import TimeError
from intentml.prediction import Predictor
from intentml.timeline import Instant, OrderLog

if TYPE_CHECKING:
    from intentml.fitting.priors import Verdict
    from intentml.priors.buyers import BuyersSpread
    from intentml.priors.union import SetUnion

RECIPE, BASELINE, PEER = "recipe", "baseline", "peer"


@dataclass(frozen=True)
class Contenders:
    """Predictors fitted as of one instant.

    Attributes:
        predictors: By the name that the report gives them.
        recipe: Name of the one in question.
        peers: Names of other packages' predictors. All others are baselines: the best of them is
            what the recipe is compared with.
        verdicts: What validation said while fitting, told in the report.
        sets: How the recipe joins products asked about together; None: its sets are not measured.
        buyers: How far the recipe lets buyers stray; None: its intervals are not measured.
    """

    predictors: Mapping[str, Predictor]
    recipe: str
    peers: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    sets: SetUnion | None = None
    buyers: BuyersSpread | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in (self.recipe, *self.peers) if name not in self.predictors]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of the predictors: {', '.join(self.predictors)}")

    def beside(self, peers: Mapping[str, Predictor]) -> Contenders:
        """The same contenders with peers."""
        return replace(self, predictors={**self.predictors, **peers}, peers=(*self.peers, *peers))

    def against(self, *names: str) -> Contenders:
        """The recipe and those of the names that there are."""
        kept = {name: one for name, one in self.predictors.items() if name in (self.recipe, *names)}
        return replace(self, predictors=kept, peers=tuple(name for name in self.peers if name in kept))

    def check_trained(self, as_of: Instant) -> None:
        """Refuse predictors that know what came after.

        Raises:
            TimeError: One was trained on what came after a window's start.
        """
        for name, predictor in self.predictors.items():
            trained = getattr(predictor, "trained_until", None)
            if isinstance(trained, Instant) and trained.days_since(as_of) > 0:
                raise TimeError(
                    f"{name} was trained until {trained.iso}, after the window's start {as_of.iso}: "
                    "it has seen what it should predict",
                    hint="fit it anew for every window",
                )

    @property
    def roles(self) -> dict[str, str]:
        """Role by name: the recipe first, then baselines, then peers."""
        role = {name: PEER if name in self.peers else BASELINE for name in self.predictors}
        order = (BASELINE, PEER)
        others = sorted(
            (name for name in role if name != self.recipe), key=lambda name: order.index(role[name])
        )
        return {self.recipe: RECIPE, **{name: role[name] for name in others}}


Fit = Callable[[OrderLog, Instant], Contenders | Mapping[str, Predictor]]
Progress = Callable[[str, int, int], None]


def contenders_of(fitted: Contenders | Mapping[str, Predictor]) -> Contenders:
    """Contenders as they are; of a plain mapping the first is the recipe, the others its baselines.

    Raises:
        ValueError: The mapping is empty.
    """
    if isinstance(fitted, Contenders):
        return fitted
    if not fitted:
        raise ValueError("there is no predictor to evaluate")
    return Contenders(fitted, recipe=next(iter(fitted)))
