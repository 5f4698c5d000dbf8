"""Who the customer is: what the customers table says, and nothing dates.

What comes in: nothing. What goes out: declarations. These columns have no date, so they may have changed
since `as_of`: rules may use them, the model does not.
"""

from __future__ import annotations

from intentml.traits.trait import Trait, Type

PERSON, PLACE = "Person", "Place"


def _told(
    name: str, topic: str, meaning: str, kind: Type = "string", unit: str = "", needs: str | None = None
) -> Trait:
    """A column of the customers table."""
    return Trait(
        name=name,
        topic=topic,
        type=kind,
        unit=unit,
        meaning=meaning,
        null_means="the customers table does not say",
        needs=(f"customers.{needs or name}",),
        relation="customers",
        expression=lambda customers: customers[name],
    )


PROFILE = (
    _told(
        "age",
        PERSON,
        "Whole years at as_of; none of 1900-01-01, of a date after as_of, and over 120 years.",
        "int64",
        "years",
        needs="birth_date",
    ),
    _told("gender", PERSON, "As the shop writes it."),
    _told("language", PERSON, "ISO 639 code."),
    _told("subscribed", PERSON, "Agreed to e-mail.", "boolean"),
    _told("client_type", PERSON, "individual, corporate, government."),
    _told("groups", PERSON, "Groups that the customer is in.", "list<string>"),
    _told("acquisition_source", PERSON, "Where the customer came from: search, social, referral ..."),
    _told("consent_ad_user_data", PERSON, "granted, denied or unknown."),
    _told("consent_ad_personalization", PERSON, "granted, denied or unknown."),
    _told("has_email", PERSON, "There is an e-mail address.", "boolean", needs="email"),
    _told("has_phone", PERSON, "There is a telephone number.", "boolean", needs="phone"),
    _told("country", PLACE, "ISO 3166 code or name."),
    _told("region", PLACE, "Region or state."),
    _told("department", PLACE, "Department or county."),
    _told("city", PLACE, "City."),
    _told("area_type", PLACE, "city, residential, rural ..."),
    _told("latitude", PLACE, "Degrees north.", "float64", "degrees"),
    _told("longitude", PLACE, "Degrees east.", "float64", "degrees"),
)
