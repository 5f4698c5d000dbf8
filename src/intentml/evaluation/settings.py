"""Settings of a backtest: which targets are judged, how many resamples, which seed.

What comes in: keys of a recipe or the command line. What goes out: a frozen value. Definitions that
contracts.md fixes (lists of 10, 20 bins, 5 buyers before) are no settings.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from intentml.timeline.catalogue import KINDS

# Lengths of the two lists: targets shown to a customer, customers written to for a target.
LIST_LENGTH = 10
RECALL_AT = 100


class BacktestConfig(BaseModel):
    """How predictors are measured.

    Attributes:
        min_buyers_in_window: Fewest buyers in the window for a target to be judged: fewer let luck
            into the mean, more leave the tail out. Contracts: 10 for Complete Journey, 20 elsewhere.
        resamples: Resamples of the bootstrap over customers: more make the ends of intervals
            steadier, 0 leaves intervals out. Rankings of many customers take fewer, at least 50.
        seed: Of resamples and of tie-breaking.
        kinds: Kinds of targets measured, where the shop has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_buyers_in_window: int = Field(20, ge=1)
    resamples: int = Field(200, ge=0, le=1000)
    seed: int = Field(0, ge=0)
    kinds: tuple[str, ...] = KINDS

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no kind of target; there are {', '.join(KINDS)}")
        return tuple(dict.fromkeys(kinds))
