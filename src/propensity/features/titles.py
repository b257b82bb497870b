"""Job titles to rank and department: ordered word lists, the first that fits decides.

Patterns are matched against the lower-case title, as whole words, in the dialect that RE2 and Java share. A title that
no pattern fits has rank 1 and the department `other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from propensity.engines.untyped import Value

# Not \b: to RE2 it knows ASCII letters only, so that the German `Gebühr` would hold the word `hr`; to Java it does not.
_EDGE = r"[^\p{L}\p{N}_]"

SENIORITY: tuple[tuple[str, int], ...] = (
    # Who assists a chief is no chief.
    (r"(assistant|secretary|aide) (to|of)|assistente?|assistenz", 1),
    (r"(intern|trainee|student|apprentice|werkstudent(in)?|praktikant(in)?|stagiaire|becari[oa])", 0),
    (r"(vice[ -]president|vp|svp|evp|avp|head|vice[ -]pr[eé]sident|leiter(in)?|bereichsleiter(in)?)", 4),
    (
        r"(chief|c[efotimrpsd]o|cmo|cio|ciso|president|founder|co-?founder|owner|proprietor|managing director)",
        5,
    ),
    (
        r"(gesch[aä]ftsf[uü]hrer(in)?|vorstand|inhaber(in)?|pdg|g[eé]rant|directeur g[eé]n[eé]ral|director general)",
        5,
    ),
    (r"(gerente general|amministratore delegato|fondateur|fondatrice|fundador(a)?)", 5),
    (r"(director|directeur|directrice|directora|direktor(in)?|direttore|direttrice)", 3),
    (r"(manager|lead|supervisor|responsable|responsabile|teamleiter(in)?|gerente|chef)", 2),
)
"""Pattern and rank: 5 owner or chief officer, 4 vice president or head, 3 director, 2 manager, 1 others, 0 in training."""

DEPARTMENTS: tuple[tuple[str, str], ...] = (
    (r"(it|information|cio|cto|ciso|technology|systems?|network|infrastructure|informatique|devops|security)", "IT"),
    (r"(software|engineer(ing)?|developer|entwickler(in)?|r ?& ?d|research|ing[eé]nieur|ingenier[oa]|technical)", "engineering"),
    (r"(data|analytics|analyst|scientist|bi|business intelligence)", "data"),
    (r"(financ(e|ial)|cfo|controller|controlling|accounting|accountant|treasur(y|er)|finanzen|finances|finanzas)", "finance"),
    (r"(purchas(e|ing)|procurement|buyer|sourcing|einkauf|einkäufer(in)?|achats|acheteur|compras)", "procurement"),
    (r"(sales|cro|revenue|account executive|business development|vertrieb|ventes?|ventas|commercial)", "sales"),
    (r"(marketing|cmo|brand|communications?|growth|demand generation|content)", "marketing"),
    (r"(hr|human resources|people|talent|recruit(er|ing)|personal|rh|recursos humanos)", "people"),
    (r"(legal|counsel|compliance|lawyer|recht|juridique)", "legal"),
    (r"(operations?|coo|logistics|supply chain|production|manufacturing|plant|betrieb|logistik|operaciones)", "operations"),
    (r"(product|project|program(me)?|projektleiter(in)?|chef de projet)", "product and projects"),
    (r"(customer|support|service|success|kundendienst)", "customer service"),
    (r"(ceo|president|founder|co-?founder|owner|managing director|general manager|gesch[aä]ftsf[uü]hrer(in)?|inhaber(in)?|pdg|g[eé]rant)", "general management"),
)  # fmt: skip
"""Pattern and department."""


def seniority_rank(title: Value) -> Value:
    """Rank 0 to 5 (float64); null where the title is."""
    known = [(_holds(title, words), float(rank)) for words, rank in SENIORITY]
    return ibis.cases((title.isnull(), ibis.null("float64")), *known, else_=1.0)


def department(title: Value) -> Value:
    """Department (string), `other` where no word tells; null where the title is."""
    known = [(_holds(title, words), name) for words, name in DEPARTMENTS]
    return ibis.cases((title.isnull(), ibis.null("string")), *known, else_="other")


def _holds(title: Value, words: str) -> Value:
    return title.lower().re_search(f"(^|{_EDGE})({words})({_EDGE}|$)")
