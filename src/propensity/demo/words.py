"""Invented vocabulary of the demo world; all domains are reserved ones (example.com, *.example)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Source:
    """Where leads come from: shares and effects on ln hazard before and after the drift, first interest."""

    name: str
    weight: float
    late_weight: float
    start: tuple[float, float, float, float]
    effect: float
    late_effect: float
    online: bool


@dataclass(frozen=True)
class Title:
    """A job title, its effect on the ln hazard of being qualified, and its share of leads."""

    name: str
    effect: float
    weight: float


@dataclass(frozen=True)
class Product:
    """What is sold, for how much, and its share of leads."""

    name: str
    price_eur: float
    weight: float


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SOURCES: Final = (
    Source("website_form", 22, 18, (0.35, 0.42, 0.18, 0.05), 0.15, 0.15, online=True),
    Source("organic_search", 14, 12, (0.50, 0.40, 0.09, 0.01), 0.0, 0.0, online=True),
    Source("paid_search", 16, 20, (0.50, 0.38, 0.10, 0.02), -0.05, -0.15, online=True),
    Source("social_ads", 14, 22, (0.72, 0.24, 0.04, 0.00), -0.45, -0.30, online=True),
    Source("webinar", 12, 9, (0.45, 0.45, 0.09, 0.01), 0.10, -0.25, online=True),
    Source("trade_show", 10, 8, (0.55, 0.35, 0.09, 0.01), 0.0, 0.05, online=False),
    Source("referral", 7, 6, (0.25, 0.40, 0.27, 0.08), 0.50, 0.50, online=False),
    Source("cold_call", 5, 5, (0.85, 0.13, 0.02, 0.00), -0.35, -0.35, online=False),
)
UNKNOWN_SOURCE_START: Final = (0.55, 0.35, 0.09, 0.01)

INDUSTRIES: Final = (
    ("Software", 16, 0.45),
    ("Manufacturing", 15, 0.30),
    ("Financial Services", 10, 0.35),
    ("Logistics", 8, 0.15),
    ("Healthcare", 10, 0.0),
    ("Professional Services", 12, 0.05),
    ("Retail", 12, -0.30),
    ("Education", 7, -0.45),
    ("Construction", 6, -0.25),
    ("Public Sector", 4, -0.50),
)

# Code, region, share, effect on the ln hazard.
COUNTRIES: Final = (
    ("DE", "DACH", 24, 0.10),
    ("AT", "DACH", 6, 0.05),
    ("CH", "DACH", 6, 0.10),
    ("FR", "France", 14, 0.0),
    ("NL", "Benelux", 10, 0.05),
    ("BE", "Benelux", 6, 0.0),
    ("GB", "UK and Ireland", 14, 0.0),
    ("ES", "Iberia", 8, -0.15),
    ("IT", "Italy", 7, -0.20),
    ("SE", "Nordics", 5, 0.05),
)

PRODUCTS: Final = (
    Product("Starter", 2_400.0, 22),
    Product("Team", 7_500.0, 30),
    Product("Business", 18_000.0, 26),
    Product("Enterprise", 48_000.0, 14),
    Product("Analytics Add-on", 5_200.0, 8),
)

TITLES: Final = (
    Title("CEO", 0.45, 4),
    Title("Managing Director", 0.45, 5),
    Title("Founder", 0.30, 3),
    Title("Chief Financial Officer", 0.50, 3),
    Title("Chief Technology Officer", 0.45, 3),
    Title("Chief Operating Officer", 0.50, 2),
    Title("VP Sales", 0.45, 3),
    Title("VP Marketing", 0.40, 2),
    Title("VP Engineering", 0.30, 2),
    Title("Head of Operations", 0.40, 4),
    Title("Head of IT", 0.35, 4),
    Title("Head of Procurement", 0.45, 3),
    Title("Director of Sales", 0.35, 4),
    Title("Director of Finance", 0.35, 3),
    Title("IT Director", 0.30, 3),
    Title("Sales Manager", 0.10, 7),
    Title("Marketing Manager", 0.05, 7),
    Title("Operations Manager", 0.10, 6),
    Title("IT Manager", 0.10, 6),
    Title("Purchasing Manager", 0.15, 4),
    Title("Project Manager", -0.05, 5),
    Title("Business Analyst", -0.30, 5),
    Title("Data Analyst", -0.35, 4),
    Title("Software Engineer", -0.40, 5),
    Title("Systems Administrator", -0.35, 4),
    Title("Account Executive", -0.30, 4),
    Title("Marketing Specialist", -0.40, 5),
    Title("Buyer", -0.10, 3),
    Title("Office Assistant", -0.70, 3),
    Title("Consultant", -0.50, 4),
    Title("Student", -1.60, 2),
    Title("Intern", -1.30, 2),
)

FREE_MAIL_DOMAINS: Final = ("example.com", "example.net", "example.org")

OWNERS: Final = tuple(f"rep-{number:02d}" for number in range(1, 13))

FIRST_NAMES: Final = _split(
    """
    Ada Adrian Agnes Alba Amara Anton Astrid Beatriz Bruno Camille Carla Cédric Clara Dario Dilek Edda
    Elias Elena Emil Enzo Esther Fabian Farah Felix Finn Freja Gemma Giulia Greta Hanna Hugo Ida Igor
    Ilse Inés Ivo Jana Jonas Julia Karim Katja Lars Laura Leila Leon Lina Lucía Luca Maja Malik Marek
    Marta Mattia Mina Nadia Nils Noor Olga Oskar Paula Pavel Petra Quentin Rafael Rosa Samir Selma Sofia
    Stefan Tamara Théo Thomas Tilda Umut Vera Viktor Wanda Yara Yusuf Zoë
    """
)
LAST_NAMES: Final = _split(
    """
    Abel Almeida Andersson Arnold Bakker Baumann Becker Bellini Berger Bianchi Blanc Bosch Brandt Bruun
    Castillo Christensen Claes Conti Costa Dahl Delacroix Demir Dubois Eriksen Esposito Faber Ferrari
    Fischer Fontaine Friis Garnier Gruber Haas Hansen Hofer Holm Horvat Iversen Jansen Jung Kaya Keller
    Klein Kovač Kramer Lacroix Lang Larsen Leclerc Lindqvist Lorenz Maes Marino Meier Mercier Moreau
    Müller Navarro Neumann Nowak O'Neill Olsen Ortega Peeters Pereira Petit Pfeiffer Quist Ricci Rojas
    Roux Sánchez Schmid Schwarz Silva Smit Sørensen Steiner Svensson Torres Ulrich Vidal Visser Vogel
    Weber Winkler Wolff Yilmaz Zimmer
    """
)
COMPANY_STEMS: Final = _split(
    """
    Alder Amber Anchor Apex Arbor Argent Aster Atlas Aurora Azur Basalt Beacon Birch Blue Bright Bronze
    Cedar Cobalt Copper Coral Crest Delta Dune Eagle Ember Falcon Fjord Flint Forge Garnet Granite
    Harbor Hazel Helio Horizon Indigo Iris Ivory Jade Juniper Keystone Lark Linden Lumen Lunar Maple
    Marble Meridian Nimbus North Nova Oak Onyx Opal Orchard Orion Pearl Pine Polar Prairie Quarry Quartz
    Raven Ridge River Rowan Saffron Sage Silver Slate Solar Spruce Sterling Stone Summit Swift Tern
    Thistle Topaz Union Valley Vega Velvet Vista Walnut Willow Wren Zenith Zephyr
    """
)
COMPANY_TAILS: Final = _split(
    """
    Systems Logistics Foods Media Labs Works Partners Energy Textiles Pharma Robotics Finance Consulting
    Data Tools Devices Builders Networks Optics Mobility Academy Trading Care Packaging Instruments
    Studios Materials Marine Insurance Software
    """
)
LEGAL_FORMS: Final = ("GmbH", "AG", "Ltd", "SAS", "BV", "SL", "Srl", "AB", "SE")


def slug(text: str, joiner: str) -> str:
    """Lower-case ASCII words joined by `joiner`.

    >>> slug("Zoë O'Neill", ".")
    'zoe.oneill'
    """
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore").decode()
    return joiner.join("".join(filter(str.isalnum, word)) for word in plain.lower().split())


def respell(name: str, style: int) -> str:
    """Write a person's name as a second form entry would: shouted, initialled, or surname first.

    >>> [respell("Ida Holm", style) for style in range(3)]
    ['IDA HOLM', 'I. Holm', 'Holm, Ida']
    """
    first, last = name.split(" ", 1)
    return (name.upper(), f"{first[0]}. {last}", f"{last}, {first}")[style]
