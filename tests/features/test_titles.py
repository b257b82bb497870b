"""Job titles as people write them, in seven languages: rank, department, authority; and a company's own lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracles import worlds
from oracles.bench import open_world, rows_of
from oracles.canonical import World
from oracles.people import authority, department, seniority
from propensity.config.file import parse_config
from propensity.errors import ConfigError
from propensity.features.frame import features_of
from propensity.timeline.snapshots import scoring_spine

REVIEWED = {
    "en": """
        Chief Executive Officer | 5 | general management | 1
        Managing Director | 5 | general management | 1
        Owner / Founder | 5 | general management | 1
        VP, Data & Analytics | 4 | data | 1
        Assistant Vice President, Lending | 4 | general management | 1
        Head of Sales | 4 | sales | 1
        Director of Procurement | 3 | procurement | 1
        Purchasing Manager | 2 | procurement | 1
        Senior Buyer | 1 | procurement | 1
        Junior Buyer | 1 | procurement | 0
        IT Manager | 2 | IT | 0
        Team Lead Support | 2 | customer service | 0
        Product Owner | 1 | product and projects | 0
        Lead Generation Specialist | 1 | marketing | 0
        Assistant to the CEO | 1 | general management | 0
        Personal Assistant | 1 | other | 0
        Marketing Intern | 0 | marketing | 0
    """,
    "de": """
        Geschäftsführerin | 5 | general management | 1
        Mitglied der Geschäftsleitung | 5 | general management | 1
        Vorstandsvorsitzender | 5 | general management | 1
        Prokurist | 4 | general management | 1
        Einkaufsleiter | 4 | procurement | 1
        Leitung IT | 4 | IT | 1
        Personalleiterin | 4 | people | 1
        Direktorin Einkauf | 3 | procurement | 1
        Teamleiterin Kundenservice | 2 | customer service | 0
        Projektleiter | 2 | product and projects | 0
        Sachbearbeiter Buchhaltung | 1 | finance | 0
        Assistenz der Geschäftsführung | 1 | general management | 0
        Auszubildende | 0 | other | 0
    """,
    "fr": """
        PDG | 5 | general management | 1
        Directrice Générale | 5 | general management | 1
        Gérant | 5 | general management | 1
        Directeur général adjoint | 4 | general management | 1
        DSI | 4 | IT | 1
        Directeur financier | 3 | finance | 1
        Responsable des achats | 2 | procurement | 1
        Chef de projet | 2 | product and projects | 0
        Acheteuse | 1 | procurement | 1
        Assistante de direction | 1 | other | 0
        Stagiaire | 0 | other | 0
    """,
    "es": """
        Director General | 5 | general management | 1
        Consejero Delegado | 5 | general management | 1
        Dueña | 5 | general management | 1
        Directora de Compras | 3 | procurement | 1
        Jefe de Compras | 2 | procurement | 1
        Gerente de Ventas | 2 | sales | 0
        Técnico de sistemas | 1 | IT | 0
        Becario | 0 | other | 0
    """,
    "it": """
        Amministratore Delegato | 5 | general management | 1
        Titolare | 5 | general management | 1
        Direttrice Marketing | 3 | marketing | 1
        Responsabile Acquisti | 2 | procurement | 1
        Ufficio acquisti | 1 | procurement | 1
        Impiegata amministrativa | 1 | other | 0
        Stagista | 0 | other | 0
    """,
    "pt": """
        Diretora-Geral | 5 | general management | 1
        Sócio-gerente | 5 | general management | 1
        Diretor Financeiro | 3 | finance | 1
        Gerente de Compras | 2 | procurement | 1
        Assistente administrativo | 1 | other | 0
        Estagiário | 0 | other | 0
    """,
    "nl": """
        Algemeen directeur | 5 | general management | 1
        Zaakvoerder | 5 | general management | 1
        Hoofd Inkoop | 4 | procurement | 1
        Teamleider Verkoop | 2 | sales | 0
        Inkoper | 1 | procurement | 1
        Medewerker administratie | 1 | other | 0
    """,
}


def reviewed(text: str) -> dict[str, tuple[float, str, float]]:
    rows = [[part.strip() for part in line.split("|")] for line in text.strip().splitlines()]
    return {title: (float(rank), name, float(decides)) for title, rank, name, decides in rows}


@pytest.mark.parametrize("language", REVIEWED)
def test_titles_of_a_language_are_read_as_reviewed(language):
    expected = reviewed(REVIEWED[language])
    assert {title: (seniority(title), department(title), authority(title)) for title in expected} == expected


def read(names, folder: Path, **settings):
    """What the engine makes of titles: rank, department, authority."""
    columns = ("lead_id", "created_at", "title")
    leads = [{"lead_id": str(n), "created_at": worlds.BASE, "title": t} for n, t in enumerate(names)]
    world = World({"leads": leads, "stages": []}, {"leads": columns, "stages": worlds.COLUMNS["stages"]})
    canonical = open_world(world, {"features": settings}, folder)
    try:
        rows = rows_of(features_of(canonical, scoring_spine(canonical, worlds.BASE + worlds.DAY)))
    finally:
        canonical.engine.close()
    parts = ("seniority_rank", "department", "has_authority")
    return {names[int(row["lead_id"])]: tuple(row[f"firmographic_{part}"] for part in parts) for row in rows}


def test_the_engine_reads_all_reviewed_titles_alike(tmp_path):
    expected = {title: row for text in REVIEWED.values() for title, row in reviewed(text).items()}
    odd = {
        "\U0001f680 CEO \u2013 Founder": (5.0, "general management", 1.0),
        "\u7ecf\u7406IT": (1.0, "other", 0.0),
    }
    assert read([*expected, *odd], tmp_path) == {**expected, **odd}


def test_lists_of_ones_own_replace_the_maintained_ones(tmp_path):
    titles = {
        "seniority": [
            {"words": ["Grand Poobah", "C++ chief"], "rank": 5},
            {"pattern": "boss(es)?", "rank": 4},
        ],
        "departments": [{"words": ["magic"], "department": "Magic"}],
        "authority": [{"words": ["small boss"], "authority": False}],
        "authority_rank": 4,
    }
    found = read(
        ["grand-poobah of magic", "BOSS", "Small Boss", "CEO", "c++ chief", "bosse", "director"],
        tmp_path,
        titles=titles,
    )
    assert found == {
        "grand-poobah of magic": (5.0, "Magic", 1.0),
        "BOSS": (4.0, "other", 1.0),
        "Small Boss": (4.0, "other", 0.0),
        "CEO": (1.0, "other", 0.0),
        "c++ chief": (5.0, "other", 1.0),
        "bosse": (1.0, "other", 0.0),
        "director": (1.0, "other", 0.0),
    }


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"pattern": "(chief", "rank": 5}, "'(chief' is no regular expression"),
        ({"pattern": r"\bchief", "rank": 5}, "a backslash may only stand before a punctuation mark"),
        ({"pattern": "chief(?= of)", "rank": 5}, "of the groups that begin with (?"),
        ({"pattern": "a++", "rank": 5}, "sets within sets and possessive repeats"),
        ({"pattern": "(a{500}){500}", "rank": 5}, "is no regular expression"),
        ({"words": ["a"], "pattern": "b", "rank": 5}, "give either `words` (a list) or `pattern`"),
        ({"words": [" "], "rank": 5}, "a word is empty"),
        ({"words": ["a"], "rank": 6}, "less than or equal to 5"),
    ],
)
def test_a_wrong_rule_is_named_with_its_place(rule, says, tmp_path):
    tree = {"tables": {"leads": {"path": "x.csv"}}, "features": {"titles": {"seniority": [rule]}}}
    with pytest.raises(ConfigError) as caught:
        parse_config(tree, base=tmp_path)
    assert "features.titles.seniority.0" in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2
