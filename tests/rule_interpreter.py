"""What a rule says of one customer, in plain Python: the measure of every compiled rule.

What comes in: a rule, a `ShopView`, other audiences. What goes out: the rows that fit, found one customer at
a time with loops and `if`s, sharing no code with the compiler but the rule itself.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from hashlib import sha256


def interpreted(rule, view, audiences=None) -> list[int]:
    """Rows that fit, ascending."""
    people = view.customers.to_pylist()
    for row, person in enumerate(people):
        person["row"] = row
        for name, history in (("lines", view.lines), ("events", view.events)):
            person[name] = [one for one in history.to_pylist() if one["row"] == row]
    shop = _Shop(people, view, dict(audiences or {}))
    return [row for row in range(len(people)) if shop.fits(rule, row)]


class _Shop:
    def __init__(self, people, view, audiences):
        self.people, self.view, self.audiences = people, view, audiences

    def fits(self, rule, row) -> bool:
        told = rule.model_dump(exclude_none=True)
        key = next(iter(told))
        if key == "all":
            return all(self.fits(part, row) for part in rule.all)
        if key == "any":
            return any(self.fits(part, row) for part in rule.any)
        if key == "none":
            return not any(self.fits(part, row) for part in rule.none)
        if key == "field":
            return self.compares(rule, self.people[row])
        if key == "audience":
            return self.fits(self.audiences[rule.audience], row)
        return getattr(self, key)(getattr(rule, key), self.people[row])

    def compares(self, rule, person) -> bool:
        value, op = person[rule.field], rule.op
        if op == "is null":
            return value is None
        if value is None:
            return False
        if op == "is not null":
            return True
        if op.startswith("not "):
            return not self.holds(value, op[4:], rule.value)
        if op == "!=":
            return not self.holds(value, "=", rule.value)
        return self.holds(value, op, rule.value)

    def holds(self, value, op, asked) -> bool:
        if isinstance(value, dt.datetime):  # by whole days; the test's shop keeps UTC
            value = value.date()
            asked = (
                [dt.date.fromisoformat(one) for one in asked]
                if isinstance(asked, tuple)
                else dt.date.fromisoformat(asked)
            )
        if op == "=":
            return value == asked
        if op == "in":
            return value in asked
        if op == "between":
            return asked[0] <= value <= asked[1]
        if op == "contains":
            return asked in value
        if op == "starts with":
            return value.startswith(asked)
        if op == "ends with":
            return value.endswith(asked)
        if op == "matches":
            return re.search(asked, value) is not None
        if op == ">":
            return value > asked
        if op == ">=":
            return value >= asked
        if op == "<":
            return value < asked
        assert op == "<="
        return value <= asked

    def purchased(self, asked, person) -> bool:
        lines = [one for one in person["lines"] if self.counts(one, asked)]
        return bool(lines) and all(
            bounds is None or self.inside(bounds, number)
            for bounds, number in (
                (asked.orders, len({one["order"] for one in lines})),
                (asked.quantity, sum(one["quantity"] for one in lines)),
                (asked.spend, sum(one["amount"] or 0 for one in lines)),
            )
        )

    def event(self, asked, person) -> bool:
        found = 0
        for one in person["events"]:
            fits = self.counts(one, asked) and one["event_type"] in asked.type
            for name in ("page_type", "source", "campaign_id"):
                fits = fits and (not getattr(asked, name) or one[name] in getattr(asked, name))
            if asked.value is not None:
                fits = fits and one["value"] is not None and self.inside(asked.value, one["value"])
            found += fits
        return found > 0 and (asked.count is None or self.inside(asked.count, found))

    def counts(self, one, asked) -> bool:
        if asked.last_days is not None and one["age_days"] > asked.last_days:
            return False
        if asked.before_last_days is not None and one["age_days"] <= asked.before_last_days:
            return False
        if not (asked.product or asked.category or asked.brand or asked.keyword):
            return True
        return one["product"] is not None and self.is_of(one["product"], asked)

    def is_of(self, product, asked) -> bool:
        catalogue = self.view.catalogue
        return (
            catalogue.product_ids[product] in asked.product
            or catalogue.categories[product] in asked.category
            or catalogue.brands[product] in asked.brand
            or (
                asked.keyword is not None
                and catalogue.product_ids[product] in self.view.ranking.found(asked.keyword)
            )
        )

    def inside(self, bounds, number) -> bool:
        return (bounds.at_least is None or number >= bounds.at_least) and (
            bounds.at_most is None or number <= bounds.at_most
        )

    def interested_in(self, asked, person) -> bool:
        probability = self.view.ranking.interest(asked)
        if asked.min_probability is not None:
            return probability[person["row"]] >= asked.min_probability
        return self.rank(probability, range(len(probability)), person["row"]) < self.keep(asked)

    def similar_to(self, asked, person) -> bool:
        seed = [row for row in range(len(self.people)) if self.fits(self.audiences[asked.audience], row)]
        if person["row"] in seed:
            return False
        likeness = self.view.ranking.likeness(seed)(self.view.ranking)
        others = [row for row in range(len(self.people)) if row not in seed]
        return self.rank(likeness, others, person["row"]) < self.keep(asked, len(others))

    def rank(self, values, rows, row) -> int:
        return sum((values[other], -other) > (values[row], -row) for other in rows)

    def keep(self, asked, of=None) -> int:
        of = len(self.people) if of is None else of
        return asked.top if asked.top is not None else math.ceil(round(asked.top_share * of, 9))

    def within_km(self, circle, person) -> bool:
        if person["latitude"] is None or person["longitude"] is None:
            return False
        # Another formula than the compiler's: the angle between two vectors.
        one, other = (
            (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
            for lat, lon in (
                (math.radians(person["latitude"]), math.radians(person["longitude"])),
                (math.radians(circle.latitude), math.radians(circle.longitude)),
            )
        )
        chord = math.dist(one, other)
        return 2 * 6_371.0088 * math.asin(min(1.0, chord / 2)) <= circle.km

    def bucket(self, asked, person) -> bool:
        digits = sha256((asked.salt + person["customer_id"]).encode()).hexdigest()[:8]
        return asked.start <= int(digits, 16) / 2**32 < asked.end
