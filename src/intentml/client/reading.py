"""The bodies of answers, read into results.

What comes in: JSON that was parsed, of one answer or of several that belong together. What goes out: the
classes of `answers`. A field that is missing is a `KeyError` here, and told as no answer of the service by
`exchange`; fields that a newer service adds to rows become columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from intentml.client.answers import (
    Accepted,
    Answer,
    AudienceAnswer,
    Audiences,
    Comparison,
    Customers,
    Explained,
    Health,
    InterestedIn,
    Lifecycle,
    Members,
    Predicted,
    Preview,
    Recommendation,
)

if TYPE_CHECKING:
    import pandas as pd

Body = Mapping[str, Any]


def interested_in(body: Body) -> InterestedIn:
    """The answer of `/interested_in`."""
    interval = body.get("expected_buyers_interval")
    return InterestedIn(
        **_window(body),
        matched_products=frame(body["matched_products"], ("product_id", "name")),
        matched_by=body.get("matched_by"),
        expected_buyers=float(body["expected_buyers"]),
        expected_buyers_interval=None if interval is None else (interval[0], interval[1]),
        customers=frame(body["customers"], ("customer_id", "probability", "rank")),
    )


def recommendation(body: Body) -> Recommendation:
    """The answer of `/recommend`."""
    columns = ("product_id", "name", "category", "brand", "probability", "rank", "last_bought_days")
    products = frame(body["products"], columns)
    return Recommendation(**_window(body), customer_id=str(body["customer_id"]), products=products)


def customers(bodies: Sequence[Body]) -> Customers:
    """The answers of `/customers`, in one."""
    return Customers(**_window(bodies[0]), **_rows(bodies))


def lifecycle(bodies: Sequence[Body]) -> Lifecycle:
    """The answers of `/lifecycle`, in one."""
    return Lifecycle(**_window(bodies[0]), **_rows(bodies), limits=dict(bodies[0]["limits"]))


def predicted(bodies: Sequence[Body]) -> Predicted:
    """The answers of `/predict`, in one."""
    rows = [one for body in bodies for one in body["customers"]]
    best = [{"customer_id": one["customer_id"], **target} for one in rows for target in one["interests"]]
    unknown = dict.fromkeys(str(product) for body in bodies for product in body["unknown_products"])
    return Predicted(
        **_window(bodies[0]),
        customers=frame({name: value for name, value in one.items() if name != "interests"} for one in rows),
        interests=frame(best, ("customer_id", "kind", "target", "probability", "rank")),
        unknown_products=tuple(unknown),
    )


def explained(body: Body) -> Explained:
    """The answer of `/explain`."""
    return Explained(
        **_window(body),
        customer_id=str(body["customer_id"]),
        kind=str(body["kind"]),
        target=body["target"],
        probability=float(body["probability"]),
        logit=float(body["logit"]),
        parts=frame(body["parts"], ("name", "logit")),
    )


def accepted(body: Body) -> Accepted:
    """The answer of `/orders`."""
    rescored = body["rescored"] if "rescored" in body else body["customers"]  # each with its as_of, or ids
    return Accepted(
        **_scores(body),
        accepted=int(body["accepted"]),
        repeated=bool(body.get("repeated", False)),
        customers=tuple(str(one) for one in rescored),
        unknown_products=tuple(str(one) for one in body.get("unknown_products", ())),
        sequence=int(body["sequence"]),
    )


def reloaded(body: Body) -> Answer:
    """The answer of `/admin/reload`."""
    return Answer(**_scores(body))


def health(body: Body) -> Health:
    """The answer of `/health`."""
    return Health(
        **_scores(body),
        status=str(body["status"]),
        horizons=tuple(body["horizons"]),
        calibrated=body["calibrated"],
        model=str(body["model"]),
        customers=int(body["customers"]),
        sequence=int(body.get("sequence", 0)),
        rescored=int(body.get("rescored", 0)),
    )


def audiences(body: Body) -> Audiences:
    """The answer of `/audiences`."""
    found = frame(body["audiences"], ("name", "title", "customers", "problem"))
    return Audiences(**_audience(body), audiences=found)


def preview(body: Body) -> Preview:
    """The answer of `/audiences/preview`."""
    return Preview(**_audience(body), customers=int(body["customers"]))


def members(bodies: Sequence[Body], limit: int | None) -> Members:
    """The pages of `/audiences/members`, in one."""
    rows = [
        one if isinstance(one, Mapping) else {"customer_id": str(one)}
        for body in bodies
        for one in body["customers"]
    ]
    return Members(**_audience(bodies[0]), customers=frame(rows[:limit]))


def comparison(body: Body) -> Comparison:
    """The answer of `/audiences/compare`."""
    return Comparison(**_audience(body), audiences=frame(body["audiences"], ("audience",)))


def about_audience(body: Body) -> AudienceAnswer:
    """An answer about an audience that stays as it was told."""
    return AudienceAnswer(**_audience(body))


def frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ("customer_id",)) -> pd.DataFrame:
    """Rows as a table, instants as timestamps in UTC.

    Args:
        rows: Of JSON.
        columns: Of a table without rows.

    >>> frame([{"customer_id": "C-1", "expected_next_order_at": "2017-11-09T12:00:00+00:00"}]).iloc[0, 1]
    Timestamp('2017-11-09 12:00:00+0000', tz='UTC')
    """
    import pandas as pd

    listed = [dict(row) for row in rows]
    table = pd.DataFrame(listed) if listed else pd.DataFrame(columns=list(columns))
    for name in table.columns:
        if str(name).endswith("_at"):
            try:
                table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
            except (TypeError, ValueError):
                continue  # a column of the shop's own that only sounds like an instant
    return table


def instant(text: str) -> pd.Timestamp:
    """ISO 8601 as a timestamp in UTC."""
    import pandas as pd

    at = pd.Timestamp(text)
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")


def _scores(body: Body) -> dict[str, Any]:
    return {"as_of": instant(body["as_of"]), "model_version": str(body["model_version"])}


def _window(body: Body) -> dict[str, Any]:
    return {
        **_scores(body),
        "horizon_days": int(body["horizon_days"]),
        "calibrated": bool(body["calibrated"]),
    }


def _rows(bodies: Sequence[Body]) -> dict[str, Any]:
    return {
        "customers": frame(one for body in bodies for one in body["customers"]),
        "rescored": {
            str(one): instant(at) for body in bodies for one, at in body.get("rescored", {}).items()
        },
        "unknown_customer_ids": tuple(str(one) for body in bodies for one in body["unknown_customer_ids"]),
    }


def _audience(body: Body) -> dict[str, Any]:
    at = body.get("as_of")
    return {
        "as_of": None if at is None else instant(at),
        "model_version": body.get("model_version"),
        "told": dict(body),
    }
