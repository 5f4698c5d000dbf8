"""The category tree of the simulated shop: departments, categories, types, what goes with what. Data.

What comes in: nothing. What goes out: constants. The brands are partly names that marketers'
examples use, partly invented; prices are EUR.
"""

from __future__ import annotations

from typing import NamedTuple


class TypeWords(NamedTuple):
    """A node of the third level, with the two above it.

    Attributes:
        department: Node of the first level.
        category: Node of the second level, the shop's `category`.
        name: Node name.
        noun: What one product is called.
        price: Median list price, EUR.
        pieces: Mean pieces beyond the first on a line.
        season: Key of `SEASONS`.
    """

    department: str
    category: str
    name: str
    noun: str
    price: float
    pieces: float = 0.0
    season: str = "even"


class CategoryHabits(NamedTuple):
    """How a category is bought.

    Attributes:
        repeat: Chance that an average customer takes the product of last time again.
        returns: Return rate relative to the shop's.
    """

    repeat: float
    returns: float


T = TypeWords
TYPES: tuple[TypeWords, ...] = (
    T("Shoes", "Sneakers", "Running sneakers", "running sneaker", 95),
    T("Shoes", "Sneakers", "Street sneakers", "street sneaker", 80),
    T("Shoes", "Sneakers", "Kids sneakers", "kids sneaker", 45),
    T("Shoes", "Boots", "Hiking boots", "hiking boot", 130),
    T("Shoes", "Boots", "Winter boots", "winter boot", 110, season="winter"),
    T("Shoes", "Boots", "Rain boots", "rain boot", 45),
    T("Shoes", "Sandals", "Beach sandals", "beach sandal", 25, season="summer"),
    T("Shoes", "Sandals", "Walking sandals", "walking sandal", 60, season="summer"),
    T("Shoes", "Formal shoes", "Oxfords", "oxford shoe", 120),
    T("Shoes", "Formal shoes", "Loafers", "loafer", 90),
    T("Clothing", "Shirts", "T-shirts", "t-shirt", 20, 0.4),
    T("Clothing", "Shirts", "Dress shirts", "dress shirt", 45, 0.2),
    T("Clothing", "Shirts", "Polo shirts", "polo shirt", 35, 0.2, "summer"),
    T("Clothing", "Trousers", "Jeans", "jeans", 65),
    T("Clothing", "Trousers", "Chinos", "chinos", 55),
    T("Clothing", "Trousers", "Joggers", "joggers", 40),
    T("Clothing", "Sweatshirts", "Hoodies", "hoodie", 50, season="winter"),
    T("Clothing", "Sweatshirts", "Crewnecks", "crewneck sweatshirt", 42),
    T("Clothing", "Sweatshirts", "Christmas jumpers", "christmas jumper", 35, 0.2, "christmas"),
    T("Clothing", "Socks", "Sport socks", "sport socks", 9, 1.0),
    T("Clothing", "Socks", "Warm socks", "warm socks", 12, 0.8, "winter"),
    T("Clothing", "Socks", "Dress socks", "dress socks", 8, 1.0),
    T("Cycling", "Bikes", "City bikes", "city bike", 520),
    T("Cycling", "Bikes", "Mountain bikes", "mountain bike", 780),
    T("Cycling", "Bikes", "Kids bikes", "kids bike", 210, season="summer"),
    T("Cycling", "Bike accessories", "Bike locks", "bike lock", 38),
    T("Cycling", "Bike accessories", "Bike helmets", "bike helmet", 60),
    T("Cycling", "Bike accessories", "Bike lights", "bike light", 28, 0.2, "winter"),
    T("Cycling", "Bike parts", "Tyres", "bike tyre", 30, 0.6),
    T("Cycling", "Bike parts", "Chains", "bike chain", 22, 0.1),
    T("Cycling", "Bike parts", "Inner tubes", "inner tube", 7, 0.9),
    T("Outdoor", "Tents", "Family tents", "family tent", 290, season="summer"),
    T("Outdoor", "Tents", "Trekking tents", "trekking tent", 240, season="summer"),
    T("Outdoor", "Insect protection", "Mosquito repellents", "mosquito repellent", 9, 0.7, "summer"),
    T("Outdoor", "Insect protection", "Mosquito nets", "mosquito net", 24, 0.2, "summer"),
    T("Outdoor", "Sleeping gear", "Sleeping bags", "sleeping bag", 85, season="summer"),
    T("Outdoor", "Sleeping gear", "Sleeping mats", "sleeping mat", 40),
    T("Outdoor", "Bags", "Backpacks", "backpack", 75),
    T("Outdoor", "Bags", "Lunch bags", "lunch bag", 15, 0.3, "school"),
    T("Outdoor", "Bags", "School bags", "school bag", 45, season="school"),
    T("Music", "Guitars", "Acoustic guitars", "acoustic guitar", 240),
    T("Music", "Guitars", "Electric guitars", "electric guitar", 390),
    T("Music", "Guitars", "Bass guitars", "bass guitar", 360),
    T("Music", "Guitar accessories", "Guitar cases", "guitar case", 70),
    T("Music", "Guitar accessories", "Guitar strings", "guitar strings", 11, 0.8),
    T("Music", "Guitar accessories", "Tuners", "clip-on tuner", 18),
    T("Music", "Keyboards", "Digital pianos", "digital piano", 520),
    T("Music", "Keyboards", "Synthesizers", "synthesizer", 430),
    T("Home", "Coffee and tea", "Coffee beans", "coffee beans", 13, 0.8),
    T("Home", "Coffee and tea", "Teas", "loose tea", 9, 0.6),
    T("Home", "Coffee and tea", "Ground coffees", "ground coffee", 8, 0.8),
    T("Home", "Kitchenware", "Pans", "frying pan", 42),
    T("Home", "Kitchenware", "Knives", "kitchen knife", 35, 0.2),
    T("Home", "Kitchenware", "Cake tins", "cake tin", 16, 0.3, "christmas"),
    T("Home", "Decoration", "Christmas decorations", "christmas decoration", 14, 1.2, "christmas"),
    T("Home", "Decoration", "Candles", "scented candle", 12, 0.8, "winter"),
    T("Home", "Decoration", "Picture frames", "picture frame", 18, 0.5),
    T("Home", "Bedding", "Duvets", "duvet", 85, season="winter"),
    T("Home", "Bedding", "Pillows", "pillow", 30, 0.7),
    T("Electronics", "Headphones", "Wireless headphones", "wireless headphones", 110),
    T("Electronics", "Headphones", "Earbuds", "earbuds", 70),
    T("Electronics", "Phone accessories", "Phone cases", "phone case", 17, 0.1),
    T("Electronics", "Phone accessories", "Chargers", "usb charger", 22, 0.2),
    T("Electronics", "Phone accessories", "Cables", "charging cable", 10, 0.5),
    T("Electronics", "Smart home", "Smart lights", "smart bulb", 25, 0.9, "winter"),
    T("Electronics", "Smart home", "Smart speakers", "smart speaker", 80, season="christmas"),
    T("Electronics", "Games", "Consoles", "game console", 380, season="christmas"),
    T("Electronics", "Games", "Controllers", "controller", 55),
)

HABITS: dict[str, CategoryHabits] = {
    "Sneakers": CategoryHabits(0.15, 1.8),
    "Boots": CategoryHabits(0.05, 1.6),
    "Sandals": CategoryHabits(0.1, 1.3),
    "Formal shoes": CategoryHabits(0.1, 1.8),
    "Shirts": CategoryHabits(0.2, 1.5),
    "Trousers": CategoryHabits(0.2, 1.9),
    "Sweatshirts": CategoryHabits(0.1, 1.2),
    "Socks": CategoryHabits(0.5, 0.3),
    "Bikes": CategoryHabits(0.0, 0.4),
    "Bike accessories": CategoryHabits(0.15, 0.7),
    "Bike parts": CategoryHabits(0.45, 0.5),
    "Tents": CategoryHabits(0.0, 0.6),
    "Insect protection": CategoryHabits(0.6, 0.1),
    "Sleeping gear": CategoryHabits(0.05, 0.7),
    "Bags": CategoryHabits(0.05, 0.9),
    "Guitars": CategoryHabits(0.0, 0.6),
    "Guitar accessories": CategoryHabits(0.4, 0.4),
    "Keyboards": CategoryHabits(0.0, 0.6),
    "Coffee and tea": CategoryHabits(0.8, 0.05),
    "Kitchenware": CategoryHabits(0.05, 0.5),
    "Decoration": CategoryHabits(0.1, 0.5),
    "Bedding": CategoryHabits(0.05, 0.8),
    "Headphones": CategoryHabits(0.05, 1.0),
    "Phone accessories": CategoryHabits(0.25, 0.7),
    "Smart home": CategoryHabits(0.1, 0.8),
    "Games": CategoryHabits(0.0, 0.4),
}

BRANDS: dict[str, tuple[str, ...]] = {
    "Shoes": ("Nike", "Adidas", "Under Armour", "Hummel", "Norrvik", "Calzara", "Stridewell", "Pedra"),
    "Clothing": ("Nike", "Adidas", "Hummel", "Vettex", "Maren & Oak", "Lindqvist", "Costa Brisa", "Tallow"),
    "Cycling": ("Velocore", "Ridgeback Lane", "Pedalo", "Kestrel & Finch", "Bergwind", "Lockheim"),
    "Outdoor": ("Norrvik", "Under Armour", "Wildfell", "Campo Alto", "Tarnhaven", "Bergwind"),
    "Music": ("Harmonia", "Silverstrand", "Ostinato", "Bluefret", "Tempo & Sons"),
    "Home": ("Casa Lume", "Maren & Oak", "Hearthside", "Fjordhem", "Tallow", "Bruma"),
    "Electronics": ("Voltara", "Sonique", "Brightbyte", "Kumo", "Oberon"),
}
"""Brands of a department, the best known first."""

COMPANIONS: tuple[tuple[str, str, str, float], ...] = (
    ("Bikes", "Bike accessories", "Bike locks", 0.4),
    ("Guitars", "Guitar accessories", "Guitar cases", 0.5),
    ("Tents", "Insect protection", "Mosquito repellents", 0.35),
)
"""(category bought, category and type that may join the basket, chance), once per order."""

SEASONS: dict[str, tuple[float, ...]] = {
    "even": (1,) * 12,
    "summer": (0.2, 0.3, 0.6, 1.1, 1.7, 2.3, 2.3, 1.6, 0.7, 0.4, 0.3, 0.3),
    "winter": (1.7, 1.4, 1.0, 0.6, 0.4, 0.3, 0.3, 0.5, 0.9, 1.4, 1.8, 1.8),
    "christmas": (0.2, 0.15, 0.15, 0.15, 0.15, 0.15, 0.2, 0.3, 0.6, 1.4, 3.8, 4.9),
    "school": (0.8, 0.6, 0.5, 0.5, 0.6, 0.8, 1.6, 3.0, 2.0, 0.6, 0.5, 0.6),
}
"""Demand of a type relative to its year, January to December."""
