"""Distances on the earth as Ibis expressions.

What comes in: columns of latitude and longitude in degrees, a circle. What goes out: a boolean expression.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from intentml.audiences.leaves import Circle

if TYPE_CHECKING:
    import ibis.expr.types as ir

EARTH_RADIUS_KM = 6_371.0088
"""Mean radius. Source: Moritz 2000, "Geodetic Reference System 1980"."""


def within_km(latitude: ir.Column, longitude: ir.Column, circle: Circle) -> ir.BooleanValue:
    """Whether each point lies in the circle; false where a coordinate is null."""
    import ibis

    return ibis.coalesce(distance_km(latitude, longitude, circle) <= circle.km, False)


def distance_km(latitude: Any, longitude: Any, circle: Circle) -> Any:
    """Great-circle distance from the circle's middle, by the haversine, which is exact for near points."""
    here, there = latitude * (math.pi / 180), math.radians(circle.latitude)
    north = ((here - there) / 2).sin()
    east = ((longitude - circle.longitude) * (math.pi / 360)).sin()
    half_chord = north * north + here.cos() * math.cos(there) * east * east
    # Rounding may lift it above 1 at the other end of the earth.
    import ibis

    return 2 * EARTH_RADIUS_KM * ibis.least(half_chord, 1.0).sqrt().asin()
