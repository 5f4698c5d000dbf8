"""The manifest of a scores folder: what the scores are of, and the limits a later request needs.

What comes in: the facts of a scoring run. What goes out: manifest.json, read and written whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from intentml.errors import ModelError
from intentml.prediction import TextKind
from intentml.priors.buyers import BuyersSpread
from intentml.priors.union import SetUnion
from intentml.scores.importance import ImportanceLimits
from intentml.scores.stages import LifecycleLimits

if TYPE_CHECKING:
    from intentml.inference.folder import SavedModel

SCHEMA_VERSION = 4


class ModelStamp(BaseModel):
    """Which model made the scores, and what it compares products by (its `priors.text`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    fingerprint: str
    trained_until: str
    text: TextKind

    @classmethod
    def of(cls, model: SavedModel) -> ModelStamp:
        """What manifests and answers say of a model."""
        return cls(
            name=model.name,
            version=model.fingerprint[:12],
            fingerprint=model.fingerprint,
            trained_until=model.predictor.trained_until.iso,
            text=model.text,
        )

    def check_made(self, fingerprint: str) -> None:
        """Raise unless the model of that fingerprint made the scores: another one gives other numbers.

        Raises:
            ModelError: Another one did.
        """
        if self.fingerprint != fingerprint:
            raise ModelError(
                f"the scores were made by model {self.version}, not by {fingerprint[:12]}",
                hint="use the model that made them, or score the shop again with this one",
            )


class DataStamp(BaseModel):
    """Which tables they were made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    fingerprint: str


class Limits(BaseModel):
    """Boundaries between stages and between groups, fitted on the shop at `as_of`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lifecycle: LifecycleLimits
    importance: ImportanceLimits


class Manifest(BaseModel):
    """manifest.json.

    Attributes:
        schema_version: Of the folder's layout.
        as_of: Instant of the scores, ISO 8601 in the shop's zone.
        horizons: Horizons in days; the first is the default.
        timezone: The shop's zone.
        start: How far back the shop's history goes, ISO 8601.
        currency: The currency that money is told in; null where no order line names one.
        model: Which model.
        data: Which tables.
        calibrated: Whether the history could evaluate every horizon.
        calibrated_horizons: The horizons that it could.
        limits: Stage and group boundaries.
        sets: How single probabilities are joined where several targets are asked about.
        buyers: How far the number of buyers strays from the sum of their probabilities.
        undated_columns: Columns without a time in the source: rules may read them, the model does not.
        counts: customers, buyers, prospects, products, targets per kind.
        active: Customers with an order inside each window (days; 0 = ever).
        mean_order: Mean money per order of the shop.
        returned_share: Money paid back over money paid.
        interests: How many targets a customer and kind interests.parquet keeps; null = all.
        created_by: Version of the package.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    as_of: str
    horizons: tuple[int, ...] = Field(min_length=1)
    timezone: str
    start: str
    currency: str | None
    model: ModelStamp
    data: DataStamp
    calibrated: bool
    calibrated_horizons: tuple[int, ...]
    limits: Limits
    sets: SetUnion = SetUnion()
    buyers: BuyersSpread = BuyersSpread()
    undated_columns: dict[str, tuple[str, ...]]
    counts: dict[str, int]
    active: dict[int, int]
    mean_order: float
    returned_share: float
    interests: int | None
    created_by: str
