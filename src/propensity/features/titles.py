"""Job titles to rank, department and authority: ordered lists of patterns, the first that fits decides.

Patterns are matched against the lower-case title, as whole words, in the dialect of `features.words`. A title that no
pattern fits has rank 1, the department `other`, and no authority. `features.titles` replaces each list by the company's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

from propensity.features.words import holds, pattern_of

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.config.features import TitleRule
    from propensity.engines.untyped import Value

OTHER_RANK = 1.0
OTHER_DEPARTMENT = "other"
_DE = "[a-zäöüß]*"
"""The other half of a German compound."""


def _any(**by_language: str) -> str:
    return "|".join(by_language.values())


_ASSISTANTS = _any(
    en="(assistant|secretary|aide) (to|of)|personal assistant|executive assistant",
    de=f"{_DE}assistent(in)?|{_DE}assistenz|{_DE}sekret[aä]r(in)?|{_DE}sekretariat|referent(in)? (des|der)",
    fr="assistante? (de|du|des)|secr[eé]taire (de|du|des)",
    es_pt="asistente|assistente|secret[aá]ri[oa] (de|da|do|del)",
    it="assistente|segretari[oa]",
    nl="(directie)?assistente?|secretaresse|secretaris",
)
_IN_TRAINING = _any(
    en="intern|trainee|student|apprentice|undergraduate",
    de="werkstudent(in)?|praktikant(in)?|auszubildende[r]?|azubi|volont[aä]r(in)?|lehrling",
    fr="stagiaire|alternante?|apprentie?",
    es="becari[oa]|en pr[aá]cticas|practicante|pasante|aprendiz",
    it="stagista|tirocinante|apprendista",
    pt="estagi[aá]ri[oa]",
    nl="stagiaire?|leerling",
)
_HEADS = _any(
    en="vice[ -]?president|vp|svp|evp|avp|head|general manager",
    de="vizepr[aä]sident(in)?|prokurist(in)?",
    fr="vice[ -]pr[eé]sidente?|directeur g[eé]n[eé]ral adjoint|directrice g[eé]n[eé]rale adjointe|dsi|drh|daf",
    es_it_pt="vice[ -]?president[ea]|subdirector general",
    nl="(afdelings)?hoofd",
)
_CHIEFS = _any(
    en="chief|c[efotimrpsd]o|ciso|chro|president|founder|co-?founder|proprietor|chair(man|woman|person)?|"
    "managing (director|partner)|executive director|board member|member of the board",
    de=f"gesch[aä]ftsf[uü]hr(er(in)?|ung)|gesch[aä]ftsleit(er(in)?|ung)|{_DE}vorstand{_DE}|inhaber(in)?|gesellschafter(in)?|"
    "gr[uü]nder(in)?|eigent[uü]mer(in)?|pr[aä]sident(in)?",
    fr="pdg|dg|g[eé]rante?|directeur g[eé]n[eé]ral|directrice g[eé]n[eé]rale|fondateur|fondatrice|pr[eé]sidente?|"
    "propri[eé]taire|secr[eé]taire g[eé]n[eé]rale?",
    es="director(a)? general|gerente general|consejer[oa] delegad[oa]|president[ea]|fundador(a)?|propietari[oa]|due[ñn][oa]|"
    "administrador(a)? [uú]nic[oa]|socio (director|fundador|gerente)",
    it="amministratore (delegato|unico)|amministratrice (delegata|unica)|direttore generale|direttrice generale|titolare|"
    "fondatore|socio fondatore",
    pt="diretor(a)?[ -]geral|diretor(a)? executiv[oa]|s[oó]ci(o|a)( |-)(gerente|administrador(a)?|fundador(a)?|diretor(a)?)|"
    "propriet[aá]ri[oa]",
    nl="algemeen directeur|directeur[ -]eigenaar|dga|eigenaar|eigenares|bestuurder|bestuursvoorzitter|oprichter|zaakvoerder",
)
_OWNERS_OF_NO_COMPANY = "(product|process|data|system|service|application|project|risk) owner"
_LEADERS_OF_TEAMS = f"(team|gruppen|projekt|schicht|filial|markt|bau){_DE}leit(er(in)?|ung)"
_HEADS_IN_GERMAN = f"{_DE}leit(er(in)?|ung)"
_DIRECTORS = _any(
    en="director",
    de="direktor(in)?",
    fr_nl="directeur|directrice",
    es="director(a)?|subdirector(a)?",
    it="direttore|direttrice|dirigente",
    pt="diretor(a)?",
)
_MANAGERS = _any(
    en=f"{_DE}manager|team lead|supervisor|foreman",
    de="managerin|teamlead|vorarbeiter(in)?|meister(in)?",
    fr="responsable|chef|cheffe|manageuse",
    es="gerente|jef[ea]|encargad[oa]",
    it="responsabile|capo( |-)?(ufficio|reparto|area|progetto)|caporeparto",
    pt="chefe|encarregad[oa]|gestor(a)?",
    nl="teamleider|leidinggevende|bedrijfsleider|projectleider",
)
SENIORITY: tuple[tuple[str, int], ...] = (
    # Who assists a chief is no chief.
    (_ASSISTANTS, 1),
    (_IN_TRAINING, 0),
    # A vice president is no president, and a deputy general director no general director.
    (_HEADS, 4),
    (_CHIEFS, 5),
    (_OWNERS_OF_NO_COMPANY, 1),
    ("owner", 5),
    # In German compounds the head of a team goes before the head of anything else.
    (_LEADERS_OF_TEAMS, 2),
    (_HEADS_IN_GERMAN, 4),
    (_DIRECTORS, 3),
    ("lead gen(eration)?", 1),
    (_MANAGERS, 2),
    ("lead", 2),
)
"""Pattern and rank: 5 owner or chief officer, 4 vice president or head, 3 director, 2 manager, 1 others, 0 in training."""

_PROCUREMENT = _any(
    en="purchas(e|er|ing)|procurement|buyer|sourcing",
    de=f"{_DE}eink[aä]uf(er(in)?)?|{_DE}einkaufs{_DE}|beschaffung{_DE}",
    fr="achats?|acheteur|acheteuse|approvisionnements?",
    es_pt="compras|comprador(a)?|aprovisionamiento",
    it="acquisti|ufficio acquisti|approvvigionament[io]|buyer",
    nl="inkoop|inkoper|inkoop(manager|medewerker)",
)
_GENERAL_MANAGEMENT = _any(
    en="ceo|chief executive( officer)?|president|founder|co-?founder|owner|proprietor|managing (director|partner)|general manager|chair(man|woman|person)?",
    de=f"gesch[aä]ftsf[uü]hr(er(in)?|ung)|gesch[aä]ftsleit(er(in)?|ung)|{_DE}vorstand{_DE}|inhaber(in)?|gesellschafter(in)?|"
    "gr[uü]nder(in)?|eigent[uü]mer(in)?|prokurist(in)?",
    fr="pdg|dg|g[eé]rante?|directeur g[eé]n[eé]ral|directrice g[eé]n[eé]rale|fondateur|fondatrice|propri[eé]taire",
    es="director(a)? general|gerente general|consejer[oa] delegad[oa]|president[ea]|fundador(a)?|propietari[oa]|due[ñn][oa]",
    it="amministratore (delegato|unico)|direttore generale|direttrice generale|titolare|fondatore",
    pt="diretor(a)?[ -]geral|s[oó]ci(o|a)( |-)(gerente|administrador(a)?)|propriet[aá]ri[oa]",
    nl="algemeen directeur|directeur[ -]eigenaar|dga|eigenaar|eigenares|bestuurder|bestuursvoorzitter|oprichter|zaakvoerder",
)
DEPARTMENTS: tuple[tuple[str, str], ...] = (
    # In German `Personal` is a department; in English it is somebody's.
    ("personal (assistant|trainer|banker|shopper)", OTHER_DEPARTMENT),
    (f"it|ict|information|cio|cto|ciso|technology|systems?|network|infrastructure|devops|security|edv|{_DE}informatik{_DE}|informatique|dsi|sistemas|inform[aá]tica|sistemi|systeembeheer(der)?|automatisering", "IT"),
    (f"software|engineer(ing)?|{_DE}entwickl(er(in)?|ung)|r ?& ?d|research|ing[eé]nieure?|{_DE}ingenieur(in)?|ingenier[oa]|ingegnere|engenheir[oa]|technical|technique|t[eé]cnic[oa]|tecnico|konstrukt(eur(in)?|ion)|onderzoek(er)?|ontwikkelaar", "engineering"),
    ("data|analytics|analyst|scientist|bi|business intelligence|dati|datos|dados|analist[ae]|analista", "data"),
    (f"financ(e|es|ial|ier|i[eè]re)|finance|cfo|controll(er|ing)|accounting|accountant|treasur(y|er)|finanz{_DE}|{_DE}buchhalt(er(in)?|ung)|rechnungswesen|comptable|comptabilit[eé]|daf|finanzas|contabilidad(e)?|contable|finanza|finanziari[oa]|amministrazione|contabile|financeir[oa]|contabilista|financi[eë]n|financieel|boekhoud(er|ing)", "finance"),
    (_PROCUREMENT, "procurement"),
    (f"sales|cro|revenue|account executive|account manager|business development|{_DE}vertriebs?{_DE}|{_DE}verk[aä]uf(er(in)?|s{_DE})?|ventes?|vendeu(r|se)|commerciale?|ventas|comercial|vendite|venditore|vendas|verkoop|verkoper", "sales"),
    (f"marketing{_DE}|cmo|brand|communications?|communicatie|growth|demand generation|lead gen(eration)?|content|mercadeo|comunica[cç]i[oó]n|comunica[cç][aã]o|comunicazione|pubblicit[aà]|werbung", "marketing"),
    (f"hr|human resources|people|talent|recruit(er|ing|ment)|chro|personal{_DE}|rh|drh|ressources humaines|recursos humanos|risorse umane|personeel(szaken)?", "people"),
    (f"legal|counsel|compliance|lawyer|recht|rechts{_DE}|jurist(in)?|justiziar(in)?|juridique|juriste|jur[ií]dic[oa]|abogad[oa]|legale|avvocato|advogad[oa]|juridisch", "legal"),
    (f"operations?|coo|logistics|supply chain|production|manufacturing|plant|betrieb|betriebs{_DE}|{_DE}logistik{_DE}|{_DE}produktion(s{_DE})?|fertigung(s{_DE})?|werks?leit(er(in)?|ung)|exploitation|logistique|usine|operaciones|producci[oó]n|log[ií]stica|produzione|stabilimento|produ[cç][aã]o|opera[cç][oõ]es|productie|logistiek|bedrijfsleider", "operations"),
    (f"product|projects?|program(me)?|{_DE}projekt{_DE}|produkt{_DE}|projets?|produits?|proyectos?|producto|progetto|progetti|prodotto|projetos?|produto|projectleider", "product and projects"),
    (f"customer|support|service|success|kunden{_DE}|service{_DE}|clients?|client[eè]le|clientes|atenci[oó]n al cliente|clienti|assistenza|klant(en)?(service)?|klantenservice", "customer service"),
    (_GENERAL_MANAGEMENT, "general management"),
)  # fmt: skip
"""Pattern and department."""

AUTHORITY: tuple[tuple[str, bool], ...] = (
    (_ASSISTANTS, False),
    (_IN_TRAINING, False),
    ("junior|former|retired|ehemalig[aemnrs]*", False),
    (_OWNERS_OF_NO_COMPANY, False),
    (_PROCUREMENT, True),
    (_GENERAL_MANAGEMENT, True),
)
"""Pattern and whether such a title may decide a purchase; where none fits, the rank decides (`titles.authority_rank`)."""


def seniority_rules(config: FeaturesConfig) -> list[tuple[str, float]]:
    """Pattern and rank, in order: the company's own list, else the maintained one."""
    own = config.titles.seniority
    rules = SENIORITY if own is None else [(_pattern(rule), rule.rank) for rule in own]
    return [(pattern, float(rank)) for pattern, rank in rules]


def department_rules(config: FeaturesConfig) -> list[tuple[str, str]]:
    """Pattern and department, in order."""
    own = config.titles.departments
    return list(DEPARTMENTS) if own is None else [(_pattern(rule), rule.department) for rule in own]


def authority_rules(config: FeaturesConfig) -> list[tuple[str, bool]]:
    """Pattern and authority, in order."""
    own = config.titles.authority
    return list(AUTHORITY) if own is None else [(_pattern(rule), rule.authority) for rule in own]


def _pattern(rule: TitleRule) -> str:
    return pattern_of(rule.words) if rule.pattern is None else rule.pattern


def seniority_rank(title: Value, config: FeaturesConfig) -> Value:
    """Rank 0 to 5 (float64); null where the title is."""
    return _first(title, seniority_rules(config), ibis.literal(OTHER_RANK), "float64")


def department(title: Value, config: FeaturesConfig) -> Value:
    """Department (string), `other` where no word tells; null where the title is."""
    return _first(title, department_rules(config), ibis.literal(OTHER_DEPARTMENT), "string")


def has_authority(title: Value, rank: Value, config: FeaturesConfig) -> Value:
    """1 where the title carries authority to decide a purchase, else 0 (float64); null where the title is.

    The first rule of the list that fits decides; where none does, a rank of `titles.authority_rank` or above.
    """
    by_rank = (rank >= config.titles.authority_rank).cast("float64")
    rules = [(pattern, float(authority)) for pattern, authority in authority_rules(config)]
    return _first(title, rules, by_rank, "float64")


def _first(title: Value, rules: Sequence[tuple[str, float | str]], otherwise: Value, kind: str) -> Value:
    known = [(holds(title, pattern), ibis.literal(value)) for pattern, value in rules]
    return ibis.cases((title.isnull(), ibis.null(kind)), *known, else_=otherwise)
