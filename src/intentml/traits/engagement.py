"""How the customer answers: e-mails opened and clicked, and the answer to "would you recommend us?".

What comes in: nothing. What goes out: declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from intentml.traits.trait import Trait

MAIL, NPS = "E-mail", "Satisfaction"
WINDOW_DAYS = 90
_NEEDS = ("events.event_type",)
_LOWEST, _HIGHEST = 0, 10
_NEUTRAL, _PROMOTER = 7, 9
_NO_ANSWER = "no answer from 0 to 10 so far"


def _count(event_type: str) -> Callable[[Any], Any]:
    return lambda events: events.count(
        where=(events.event_type == event_type) & (events.age_days <= WINDOW_DAYS)
    )


def _rate(event_type: str) -> Callable[[Any], Any]:
    """E-mails answered so over e-mails sent; one opened again counts once where campaigns tell it."""

    def rate(events: Any) -> Any:
        answered = (events.event_type == event_type) & (events.age_days <= WINDOW_DAYS)
        named = events.campaign_id.nunique(where=answered)
        unnamed = events.count(where=answered & events.campaign_id.isnull())
        share = (named + unnamed) / _count("email_sent")(events).nullif(0)
        return (share > 1).ifelse(1.0, share)

    return rate


def _last(event_type: str) -> Callable[[Any], Any]:
    return lambda events: events.age_days.min(where=events.event_type == event_type)


def _answers(events: Any) -> Any:
    """The answers on the scale."""
    return (events.event_type == "nps_answer") & events.value.between(_LOWEST, _HIGHEST)


def _group(customers: Any) -> Any:
    import ibis

    answer = customers.nps
    return ibis.cases(
        (answer >= _PROMOTER, "promoter"), (answer >= _NEUTRAL, "neutral"), (answer < _NEUTRAL, "detractor")
    )


ENGAGEMENT = (
    *(
        Trait(
            name=f"emails_{done}_{WINDOW_DAYS}d",
            topic=MAIL,
            type="int64",
            unit="e-mails",
            meaning=f"Events `email_{done}` of the last {WINDOW_DAYS} days.",
            null_means="",
            needs=_NEEDS,
            relation="events",
            expression=_count(f"email_{done}"),
            prospects=0,
        )
        for done in ("sent", "opened", "clicked")
    ),
    *(
        Trait(
            name=f"email_{what}_rate_{WINDOW_DAYS}d",
            topic=MAIL,
            type="float64",
            unit="share of e-mails",
            meaning=f"E-mails {done} over e-mails sent in the last {WINDOW_DAYS} days, at most 1; "
            "each campaign counts once.",
            null_means=f"no e-mail sent in the last {WINDOW_DAYS} days",
            needs=_NEEDS,
            relation="events",
            expression=_rate(f"email_{done}"),
        )
        for what, done in (("open", "opened"), ("click", "clicked"))
    ),
    *(
        Trait(
            name=f"last_email_{done}_days",
            topic=MAIL,
            type="float64",
            unit="days",
            meaning=f"Days since an e-mail was last {done}.",
            null_means=f"no e-mail {done} so far",
            needs=_NEEDS,
            relation="events",
            expression=_last(f"email_{done}"),
        )
        for done in ("sent", "opened", "clicked")
    ),
    Trait(
        name="nps",
        topic=NPS,
        type="float64",
        unit="0 to 10",
        meaning="The last answer, 0 to 10, to whether the customer would recommend the shop.",
        null_means=_NO_ANSWER,
        needs=("events.value",),
        relation="events",
        expression=lambda events: events.value.argmax(events.nth, where=_answers(events)),
    ),
    Trait(
        name="nps_days",
        topic=NPS,
        type="float64",
        unit="days",
        meaning="Days since that answer.",
        null_means=_NO_ANSWER,
        needs=("events.value",),
        relation="events",
        expression=lambda events: events.age_days.min(where=_answers(events)),
    ),
    Trait(
        name="nps_group",
        topic=NPS,
        type="string",
        unit="",
        meaning="promoter from 9 on, neutral from 7 on, detractor below, 0 too.",
        null_means=_NO_ANSWER,
        needs=("events.value",),
        relation="customers",
        expression=_group,
        uses=("nps",),
        words=("promoter", "neutral", "detractor"),
    ),
)
