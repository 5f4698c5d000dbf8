"""The words of the simulated shop: how busy it is, places, people's names. Data alone.

What comes in: nothing. What goes out: constants. E-mail and telephone forms are made elsewhere and
lead nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

MONTH_ACTIVITY = (0.92, 0.85, 0.92, 0.95, 0.98, 1.0, 0.95, 0.9, 1.0, 1.03, 1.28, 1.25)
WEEKDAY_ACTIVITY = (1.0, 0.95, 0.93, 0.97, 1.05, 1.12, 0.98)
"""Orders of the whole shop relative to its average, by month and by day from Monday."""

ADJECTIVES = (
    "Swift",
    "Classic",
    "Urban",
    "Alpine",
    "Breeze",
    "Prime",
    "Nova",
    "Terra",
    "Coastal",
    "Everyday",
    "Bold",
    "Lite",
    "Pure",
    "Summit",
    "Retro",
    "Comet",
    "Harbor",
    "Willow",
    "Amber",
    "Cobalt",
    "Ivory",
    "Onyx",
    "Coral",
    "Meadow",
    "Storm",
    "Ember",
    "Drift",
    "Pioneer",
    "Echo",
    "Vista",
    "Heritage",
    "Studio",
)

PERSONAS = 8
"""Kinds of people; each has its own favourite categories, age and gender tilt."""


class City(NamedTuple):
    """A place customers live around; degrees north and east."""

    name: str
    country: str
    language: str
    region: str
    department: str
    latitude: float
    longitude: float
    weight: float
    tax: float


CITIES: tuple[City, ...] = (
    City("Paris", "FR", "fr", "Ile-de-France", "Paris", 48.857, 2.352, 16, 0.20),
    City("Lyon", "FR", "fr", "Auvergne-Rhone-Alpes", "Rhone", 45.764, 4.836, 9, 0.20),
    City("Marseille", "FR", "fr", "Provence-Alpes-Cote d'Azur", "Bouches-du-Rhone", 43.297, 5.370, 8, 0.20),
    City("Toulouse", "FR", "fr", "Occitanie", "Haute-Garonne", 43.605, 1.444, 6, 0.20),
    City("Madrid", "ES", "es", "Comunidad de Madrid", "Madrid", 40.417, -3.704, 13, 0.21),
    City("Barcelona", "ES", "es", "Cataluna", "Barcelona", 41.385, 2.173, 11, 0.21),
    City("Valencia", "ES", "es", "Comunitat Valenciana", "Valencia", 39.470, -0.376, 5, 0.21),
    City("Berlin", "DE", "de", "Berlin", "Berlin", 52.520, 13.405, 10, 0.19),
    City("Hamburg", "DE", "de", "Hamburg", "Hamburg", 53.551, 9.994, 6, 0.19),
    City("Munich", "DE", "de", "Bayern", "Oberbayern", 48.135, 11.582, 6, 0.19),
    City("Milan", "IT", "it", "Lombardia", "Milano", 45.464, 9.190, 6, 0.22),
    City("Porto", "PT", "pt", "Norte", "Porto", 41.158, -8.629, 4, 0.23),
)

FIRST_NAMES = (
    "Ana",
    "Ben",
    "Clara",
    "David",
    "Elena",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jan",
    "Karla",
    "Leo",
    "Marta",
    "Nico",
    "Olga",
    "Paul",
    "Rosa",
    "Samuel",
    "Tina",
    "Uwe",
    "Vera",
    "Walter",
    "Yara",
    "Zoe",
    "Luc",
    "Amelie",
    "Bruno",
    "Carmen",
    "Diego",
    "Emma",
)
LAST_NAMES = (
    "Martin",
    "Garcia",
    "Weber",
    "Rossi",
    "Silva",
    "Bernard",
    "Lopez",
    "Becker",
    "Conti",
    "Costa",
    "Petit",
    "Perez",
    "Hoffmann",
    "Ferrari",
    "Santos",
    "Moreau",
    "Gomez",
    "Schulz",
    "Greco",
    "Pereira",
    "Laurent",
    "Ruiz",
    "Koch",
    "Bruno",
    "Almeida",
)

SOURCES = ("search", "social", "referral", "email", "direct", "marketplace")
GROUPS = ("club", "student", "family", "staff", "wholesale")
