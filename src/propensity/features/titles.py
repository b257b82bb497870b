"""Job titles to rank and department: ordered word lists, the first that fits decides.

Patterns are matched against the lower-case title, in RE2's dialect, which Java and Python share here. A title that no
pattern fits has rank 1 and the department `other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

SENIORITY: tuple[tuple[str, int], ...] = (
    # Who assists a chief is no chief.
    (r"\b(assistant|secretary|aide) (to|of)\b|\bassistente?\b|\bassistenz\b", 1),
    (r"\b(intern|trainee|student|apprentice|werkstudent(in)?|praktikant(in)?|stagiaire|becari[oa])\b", 0),
    (r"\b(vice[ -]president|vp|svp|evp|avp|head|vice[ -]pr[eé]sident|leiter(in)?|bereichsleiter(in)?)\b", 4),
    (
        r"\b(chief|c[efotimrpsd]o|cmo|cio|ciso|president|founder|co-?founder|owner|proprietor|managing director)\b",
        5,
    ),
    (
        r"\b(gesch[aä]ftsf[uü]hrer(in)?|vorstand|inhaber(in)?|pdg|g[eé]rant|directeur g[eé]n[eé]ral|director general)\b",
        5,
    ),
    (r"\b(gerente general|amministratore delegato|fondateur|fondatrice|fundador(a)?)\b", 5),
    (r"\b(director|directeur|directrice|directora|direktor(in)?|direttore|direttrice)\b", 3),
    (r"\b(manager|lead|supervisor|responsable|responsabile|teamleiter(in)?|gerente|chef)\b", 2),
)
"""Pattern and rank: 5 owner or chief officer, 4 vice president or head, 3 director, 2 manager, 1 others, 0 in training."""

DEPARTMENTS: tuple[tuple[str, str], ...] = (
    (r"\b(it|information|cio|cto|ciso|technology|systems?|network|infrastructure|informatique|devops|security)\b", "it"),
    (r"\b(software|engineer(ing)?|developer|entwickler(in)?|r ?& ?d|research|ing[eé]nieur|ingenier[oa]|technical)\b", "engineering"),
    (r"\b(data|analytics|analyst|scientist|bi|business intelligence)\b", "data"),
    (r"\b(financ(e|ial)|cfo|controller|controlling|accounting|accountant|treasur(y|er)|finanzen|finances|finanzas)\b", "finance"),
    (r"\b(purchas(e|ing)|procurement|buyer|sourcing|einkauf|einkäufer(in)?|achats|acheteur|compras)\b", "procurement"),
    (r"\b(sales|cro|revenue|account executive|business development|vertrieb|ventes?|ventas|commercial)\b", "sales"),
    (r"\b(marketing|cmo|brand|communications?|growth|demand generation|content)\b", "marketing"),
    (r"\b(hr|human resources|people|talent|recruit(er|ing)|personal|rh|recursos humanos)\b", "people"),
    (r"\b(legal|counsel|compliance|lawyer|recht|juridique)\b", "legal"),
    (r"\b(operations?|coo|logistics|supply chain|production|manufacturing|plant|betrieb|logistik|operaciones)\b", "operations"),
    (r"\b(product|project|program(me)?|projektleiter(in)?|chef de projet)\b", "product and projects"),
    (r"\b(customer|support|service|success|kundendienst)\b", "customer service"),
    (r"\b(ceo|president|founder|co-?founder|owner|managing director|general manager|gesch[aä]ftsf[uü]hrer(in)?|inhaber(in)?|pdg|g[eé]rant)\b", "general management"),
)  # fmt: skip
"""Pattern and department."""


def seniority_rank(title: ir.StringValue) -> ir.Value:
    """Rank 0 to 5 (float64); null where the title is."""
    known = [(title.lower().re_search(pattern), float(rank)) for pattern, rank in SENIORITY]
    return ibis.cases((title.isnull(), ibis.null("float64")), *known, else_=1.0)


def department(title: ir.StringValue) -> ir.Value:
    """Department (string), `other` where no word tells; null where the title is."""
    known = [(title.lower().re_search(pattern), name) for pattern, name in DEPARTMENTS]
    return ibis.cases((title.isnull(), ibis.null("string")), *known, else_="other")
