"""Open the audiences of a shop: its scores, the tables that were scored, the presets and its own files.

What comes in: a scores folder, tables or the place they lie at, a folder of YAML files. What goes out:
`Audiences`, and the mark that tells the shop from others.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from intentml.audiences.anew import AsScored, RenewableAudiences
from intentml.audiences.audience import presets
from intentml.audiences.audiences import Audiences
from intentml.audiences.engine import Engine
from intentml.audiences.families import read_folder
from intentml.audiences.lead_score import FILE, LeadScore, read_lead_score
from intentml.audiences.scored import view_of
from intentml.errors import RuleError
from intentml.scores.folder import load_scores
from intentml.scores.scores import Scores
from intentml.tables.read import read_shop
from intentml.timeline import Known, OrderLog, known_by

# The oldest purchases stay the oldest, however the shop grows; so many marks fit into what a ledger keeps.
_OLDEST = 25
# Lines among which they are looked for: an order has several.
_SEEN = 1_000


def open_audiences(
    scores: str | Path | Scores,
    data: str | Path | OrderLog | None = None,
    *,
    columns: str | Path | None = None,
    folder: str | Path | None = None,
    lead_score: str | Path | None = None,
    engine: Engine | None = None,
    strict: bool = True,
) -> Audiences:
    """A shop's audiences at the instant of its scores.

    Args:
        scores: Of the shop.
        data: The tables that were scored; those that the scores name if left out.
        columns: Maps foreign names, as when they were scored.
        folder: YAML files of the shop's own audiences; one of a preset's name stands in its place.
            `lead_score.yaml` among them holds the points of the lead score.
        lead_score: A YAML file of the shop's own points; that of the folder, or else those of the package,
            if left out.
        engine: Where rules run: `intentml.audiences.spark.SparkEngine(session)`, or DuckDB if left out.
        strict: Whether one broken file of the folder is an error. Else the audiences of the others are had
            without it, nor is a preset in its place: `Audiences.broken` says why.

    Raises:
        RuleError: The tables are not those that were scored, or a file cannot be used.
    """
    scores, log = scored_log(scores, data, columns=columns)
    known, points = known_by(log, scores.manifest.as_of), _points(folder, lead_score)
    return _audiences(log, known, scores, folder, points, engine, strict)


def open_renewable(
    scores: Scores,
    data: str | Path | OrderLog | None = None,
    *,
    columns: str | Path | None = None,
    folder: str | Path | None = None,
    renewable: bool = True,
) -> RenewableAudiences:
    """A shop's audiences that can be told of order lines; broken files stop no others.

    Arguments and errors as of `open_audiences`; where none will come (`renewable`), nothing is kept for them.
    """
    scores, log = scored_log(scores, data, columns=columns)
    known = known_by(log, scores.manifest.as_of)
    found = _audiences(log, known, scores, folder, _points(folder, None), None, strict=False)
    return RenewableAudiences(found, AsScored.of(log, known, scores, found.view) if renewable else None)


def _audiences(
    log: OrderLog,
    known: Known,
    scores: Scores,
    folder: str | Path | None,
    points: LeadScore | None,
    engine: Engine | None,
    strict: bool,
) -> Audiences:
    """The audiences of what is known of a shop."""
    own, broken = ({}, {}) if folder is None else read_folder(Path(folder))
    if strict and broken:
        raise next(iter(broken.values()))
    all_known = {name: one for name, one in (presets() | own).items() if name not in broken}
    view, model = view_of(known, scores, points), scores.manifest.model.version
    return Audiences(view, all_known, shop=shop_mark(log), model=model, engine=engine, broken=broken)


def _points(folder: str | Path | None, lead_score: str | Path | None) -> LeadScore | None:
    """The shop's own points: of the file named, else of its folder; None where it has none."""
    if lead_score is not None:
        return read_lead_score(Path(lead_score))
    if folder is None or not (Path(folder) / FILE).is_file():
        return None
    return read_lead_score(Path(folder) / FILE)


def scored_log(
    scores: str | Path | Scores,
    data: str | Path | OrderLog | None = None,
    *,
    columns: str | Path | None = None,
) -> tuple[Scores, OrderLog]:
    """Scores, and the history of the shop that was scored; arguments as of `open_audiences`.

    Raises:
        RuleError: The history is told in another time zone.
    """
    if not isinstance(scores, Scores):
        scores = load_scores(scores)
    manifest = scores.manifest
    if not isinstance(data, OrderLog):
        tables = read_shop(data or manifest.data.source, columns=columns, timezone=manifest.timezone)
        data = OrderLog.from_tables(tables)
    if data.timezone != manifest.timezone:
        raise RuleError(
            f"the tables are read in {data.timezone}, the scores are of {manifest.timezone}",
            hint="read the tables in the time zone of the scores",
        )
    return scores, data


def shop_mark(log: OrderLog) -> str:
    """What tells a shop from others and stays as it grows: a hash of each of its oldest purchases.

    Where a customer is taken out of the tables most of them stay, and `ownership.same_shop` knows it again.
    """
    at = log.purchases.at
    oldest = np.flatnonzero(at <= np.sort(at)[:_SEEN].max(initial=0))
    ids = log.customer_ids[log.purchases.customer[oldest]].astype(str)
    purchases = sorted(set(zip(at[oldest].tolist(), ids.tolist(), strict=True)))[:_OLDEST]
    return " ".join(hashlib.sha256(f"{us} {one}".encode()).hexdigest()[:9] for us, one in purchases)
