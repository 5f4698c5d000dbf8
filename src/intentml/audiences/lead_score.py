"""The lead score: points for every rule that holds of a customer, summed.

What comes in: YAML with points for behaviour, profile and source. What goes out: weights that a `ShopView`
carries, so that rules may name their sum: `lead_score >= 30`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from importlib.resources import files
from operator import add
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, ValidationError, field_validator

from intentml.audiences.definitions import yaml_of
from intentml.audiences.leaves import Comparison, Frozen, InAudience, SimilarTo
from intentml.audiences.parse import parse
from intentml.audiences.rule import Rule, leaves, rule_of
from intentml.errors import RuleError

FIELD = "lead_score"
FILE = f"{FIELD}.yaml"


class Weight(Frozen):
    """What a rule is worth.

    Attributes:
        rule: Who gets the points; as text or as a tree.
        points: How many; negative ones speak against buying.
    """

    rule: Rule
    points: FiniteFloat

    @field_validator("rule", mode="before")
    @classmethod
    def _read(cls, told: Any) -> Rule:
        try:
            rule = parse(told) if isinstance(told, str) else rule_of(told)
        except RuleError as problem:
            raise ValueError(problem.message) from None
        for leaf in leaves(rule):
            if isinstance(leaf, InAudience | SimilarTo):
                raise ValueError("points are given for what is seen of a customer, not for other audiences")
            if isinstance(leaf, Comparison) and leaf.field == FIELD:
                raise ValueError(f"{FIELD} cannot count itself")
        return rule


class LeadScore(Frozen):
    """Weights by what they look at.

    Attributes:
        behaviour: What the customer did.
        profile: Who it is.
        source: Where it came from.
    """

    behaviour: tuple[Weight, ...] = ()
    profile: tuple[Weight, ...] = ()
    source: tuple[Weight, ...] = ()

    @property
    def weights(self) -> tuple[Weight, ...]:
        """All of them."""
        return self.behaviour + self.profile + self.source


def points_of(weights: Sequence[Weight], holds: Sequence[Any]) -> Any:
    """The sum of points as an Ibis expression, over one of each rule that says whether it holds.

    Engines add decimals up as they are written: 0.1 and 0.2 are 0.3.
    """
    pairs = zip(weights, holds, strict=True)
    return reduce(add, (hold.ifelse(one.points, 0.0) for one, hold in pairs))


def read_lead_score(path: Path | None = None) -> LeadScore:
    """The weights of a YAML file; the package's own if left out.

    Raises:
        RuleError: The file is missing, or holds none.
    """
    shipped = files(__package__) / FILE
    place = FILE if path is None else path.name
    try:
        content = (shipped if path is None else path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuleError(f"there is no file {place}") from None
    told = yaml_of(content, place)
    if not isinstance(told, Mapping):
        raise RuleError(f"{place} is no mapping of behaviour, profile and source")
    try:
        score = LeadScore.model_validate(told)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RuleError(f"{place}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    if not score.weights:
        raise RuleError(f"{place} gives no points", hint="write at least one rule with its points")
    return score
