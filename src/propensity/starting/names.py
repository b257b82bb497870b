"""What CRMs call things: words for tables and columns, and how near a name comes to them. Data, and one matcher.

The words are those of exports of Salesforce, HubSpot, Dynamics, Pipedrive and Odoo, in English, German, French and
Spanish. A word is written as the tokens of a name, in lower case and without accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from propensity.schema import TableName

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[^0-9a-z]+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

FILES: Mapping[TableName, tuple[str, ...]] = {
    "leads": (
        "lead", "leads", "prospect", "prospects", "interessent", "interessenten", "prospecto", "prospectos", "piste",
        "pistes", "inquiry", "inquiries", "enquiries", "anfragen", "signups", "registrations", "contact", "contacts", "kontakt", "kontakte", "person", "persons", "people", "personen", "contacto",
        "contactos", "deal", "deals", "opportunity", "opportunities", "pipeline", "chancen", "verkaufschancen",
    ),
    "accounts": (
        "account", "accounts", "company", "companies", "organization", "organizations", "organisation",
        "organisations", "firma", "firmen", "firm", "firms", "unternehmen", "entreprise", "entreprises", "societes", "empresa",
        "empresas", "cuentas",
    ),
    "activities": (
        "activity", "activities", "task", "tasks", "event", "events", "engagement", "engagements", "touchpoints",
        "interactions", "aktivitaet", "aktivitaeten", "activites", "actividades", "calls", "emails", "meetings",
        "sessions", "visits", "web", "mails", "log",
    ),
    "stages": (
        "stage", "stages", "history", "historie", "verlauf", "statusverlauf", "phasen", "status", "lifecycle",
        "etapes", "etapas", "transitions",
    ),
    "budgets": ("budget", "budgets", "quote", "quotes", "angebote", "devis", "presupuestos", "funding"),
    "products": ("product", "products", "pricebook", "price", "prices", "produkt", "produkte", "produits", "productos"),
    "rates": ("rate", "rates", "fx", "currency", "currencies", "wechselkurse", "kurse"),
}  # fmt: skip
"""Words of a file's name. Of the words for leads, the earlier ones are the likelier."""

OF_TABLE = frozenset(
    {
        "lead", "contact", "person", "people", "deal", "opportunity", "account", "company", "organization", "organisation",
        "record", "hs", "crm", "c", "x", "the", "prospect", "interessent", "kunde", "kunden", "firma", "unternehmen", "kontakt",
        "activity", "task", "event", "product", "produkt", "firmen", "aktivitaet", "stage", "1",
    }
)  # fmt: skip
"""Words that many systems put before or after every column's name."""

COLUMNS: Mapping[TableName, Mapping[str, tuple[str, ...]]] = {
    "leads": {
        "lead_id": ("lead id", "id", "record id", "contact id", "prospect id", "deal id", "opportunity id", "person id", "lead nr", "leadnummer", "lead number", "nummer", "kundennummer", "interessentennummer", "guid", "external id", "identifiant", "identificador"),
        "created_at": ("created at", "created date", "create date", "created on", "created", "creation date", "date created", "created time", "deal created", "created by date", "add time", "added on", "lead created", "signup date", "sign up date", "registered at", "entry date", "date entered", "engage date", "open date", "opened at", "start date", "erstellt am", "erstellt", "angelegt am", "anlagedatum", "erstelldatum", "erfasst am", "eingang", "eingangsdatum", "datum", "date de creation", "cree le", "fecha de creacion", "creado el", "date", "timestamp"),
        "account_id": ("account id", "company id", "organization id", "organisation id", "associated company id", "parent customer id", "account", "company", "company name", "associated company", "organization", "organization name", "firma", "firmenname", "unternehmen", "entreprise", "societe", "empresa"),
        "contact_name": ("contact name", "full name", "name", "lead name", "person name", "ansprechpartner", "vollstaendiger name", "nom complet", "nombre completo"),
        "email": ("email", "e mail", "email address", "mail", "e mail adresse", "correo", "courriel", "email from", "work email"),
        "phone": ("phone", "phone number", "telephone", "mobile", "mobile phone", "telefon", "telefonnummer", "rufnummer", "handy", "telefono"),
        "title": ("title", "job title", "position", "jobtitle", "function", "role", "job position", "funktion", "berufsbezeichnung", "poste", "fonction", "cargo", "puesto"),
        "source": ("lead source", "source", "original source", "original traffic source", "lead source code", "channel", "utm source", "acquisition source", "quelle", "leadquelle", "herkunft", "kanal", "origine", "origen", "fuente"),
        "country": ("country", "country code", "country region", "mailing country", "billing country", "land", "pays", "pais", "office location"),
        "region": ("region", "territory", "state", "state region", "province", "bundesland", "gebiet", "regional office"),
        "product": ("product", "product name", "product interest", "interested product", "product of interest", "produkt", "produktinteresse", "produit", "producto"),
        "deal_value": ("deal value", "amount", "expected revenue", "estimated value", "estimated amount", "value", "opportunity value", "auftragswert", "betrag", "montant", "importe"),
        "owner": ("owner", "lead owner", "contact owner", "deal owner", "owner id", "sales rep", "sales agent", "salesperson", "assigned to", "user", "betreuer", "zustaendig", "besitzer", "vertriebsmitarbeiter", "verantwortlicher", "proprietaire", "vendedor"),
        "do_not_contact": ("do not contact", "do not call", "donotphone", "opt out", "opted out", "has opted out", "has opted out of email", "unsubscribed", "unsubscribed from all email", "do not email", "email opt out", "werbesperre", "kontaktsperre", "nicht kontaktieren", "gesperrt"),
        "outcome": ("outcome", "converted", "is converted", "won", "is won", "conversion", "target", "label", "y", "success", "deal won", "closed won", "purchased", "subscribed", "response", "gewonnen", "abgeschlossen", "konvertiert", "converti", "convertido", "deal stage", "stage", "stage name", "status", "lead status", "deal status", "lifecycle stage", "phase", "etape", "etapa"),
    },
    "accounts": {
        "account_id": ("account id", "id", "company id", "organization id", "record id", "account", "account number", "kundennummer", "firmennummer", "firmen id", "name", "account name", "company name", "organization name", "firma", "firmenname"),
        "name": ("name", "account name", "company name", "company", "account", "organization name", "firma", "firmenname", "unternehmen", "entreprise", "empresa", "raison sociale"),
        "domain": ("domain", "website", "company domain name", "web site", "url", "webseite", "site web", "homepage", "internet"),
        "industry": ("industry", "sector", "branche", "branch", "secteur", "sector de actividad", "industria", "vertical", "industry code"),
        "employee_count": ("employee count", "employees", "number of employees", "num employees", "company size", "size", "headcount", "staff", "mitarbeiter", "mitarbeiterzahl", "anzahl mitarbeiter", "effectif", "empleados", "people count"),
        "annual_revenue": ("annual revenue", "revenue", "yearly revenue", "turnover", "sales", "umsatz", "jahresumsatz", "chiffre d affaires", "ingresos", "facturacion"),
        "currency": ("currency", "currency iso code", "currency code", "waehrung", "devise", "moneda"),
        "country": ("country", "country code", "billing country", "country region", "land", "pays", "pais", "office location", "headquarters", "address country"),
        "region": ("region", "territory", "state", "billing state", "state region", "bundesland", "gebiet"),
        "founded_on": ("founded on", "founded", "year founded", "year established", "year started", "established", "gegruendet", "gruendungsjahr", "annee de creation", "fundada"),
        "valid_from": ("valid from", "effective from", "gueltig ab", "valid since"),
    },
    "activities": {
        "lead_id": ("lead id", "who id", "contact id", "person id", "associated contact id", "associated contact", "regarding object id", "lead", "contact", "interessent", "kunde", "leadnummer", "kundennummer"),
        "occurred_at": ("occurred at", "activity date", "activity date time", "start date time", "start time", "timestamp", "completed date time", "date", "date time", "due date", "event date", "event time", "sent at", "sent on", "happened at", "time", "created date", "created at", "datum", "zeitpunkt", "durchgefuehrt am", "fecha"),
        "type": ("type", "activity type", "event type", "task subtype", "event subtype", "activity", "engagement type", "action", "subject", "event", "kind", "art", "aktivitaet", "typ", "tipo"),
        "recorded_at": ("recorded at", "created date", "create date", "created at", "created on", "logged at", "inserted at", "erfasst am", "erstellt am", "angelegt am"),
        "direction": ("direction", "call direction", "call type", "email direction", "richtung", "sens"),
        "channel": ("channel", "medium", "kanal", "canal"),
        "value": ("value", "quantity", "wert", "menge"),
    },
    "stages": {
        "lead_id": ("lead id", "contact id", "deal id", "opportunity id", "person id", "record id", "lead", "deal", "interessent", "leadnummer", "kundennummer"),
        "stage": ("stage", "new stage", "stage name", "to stage", "new value", "deal stage", "lifecycle stage", "status", "phase", "new status", "etape", "etapa", "stufe"),
        "entered_at": ("entered at", "entered on", "changed at", "change date", "changed on", "stage date", "date entered", "created date", "created at", "timestamp", "date", "since", "datum", "geaendert am", "erreicht am", "seit"),
        "recorded_at": ("recorded at", "created date", "logged at", "system modstamp", "inserted at", "erfasst am"),
    },
    "budgets": {
        "lead_id": ("lead id", "contact id", "deal id", "opportunity id", "lead"),
        "account_id": ("account id", "company id", "organization id", "account", "company"),
        "amount": ("amount", "budget", "total", "total price", "grand total", "value", "betrag", "summe", "montant", "importe"),
        "recorded_at": ("recorded at", "created date", "created at", "created on", "date", "quote date", "datum", "erfasst am", "erstellt am"),
        "kind": ("kind", "type", "budget type", "art", "typ"),
        "currency": ("currency", "currency iso code", "currency code", "waehrung", "devise", "moneda"),
    },
    "products": {
        "product": ("product", "product name", "name", "product code", "sku", "produkt", "artikel", "produit", "producto"),
        "price": ("price", "list price", "sales price", "unit price", "standard price", "preis", "listenpreis", "prix", "precio"),
        "currency": ("currency", "currency iso code", "currency code", "waehrung", "devise", "moneda"),
    },
    "rates": {
        "currency": ("currency", "currency code", "code", "iso code", "from", "waehrung"),
        "to_base": ("to base", "rate", "conversion rate", "exchange rate", "kurs", "wechselkurs"),
    },
}  # fmt: skip
"""Per canonical column what it is called, the likeliest first."""

PERSONAL = frozenset(
    {
        "name", "first", "last", "surname", "vorname", "nachname", "email", "mail", "phone", "mobile", "telefon", "fax", "street",
        "address", "adresse", "strasse", "birth", "birthday", "geburtsdatum", "owner", "agent", "rep", "salesperson", "manager", "user",
        "betreuer", "ansprechpartner", "linkedin", "twitter", "ip", "iban", "ssn", "contact", "nom", "prenom", "nombre", "apellido",
        "zustaendig", "verantwortlicher", "besitzer", "assigned", "vertriebsmitarbeiter", "telephone", "zip", "plz", "postcode",
    }
)  # fmt: skip
"""Tokens of columns whose values may name a person: they are never written anywhere."""

_SURNAMES = {("last", "name"), ("lastname",)}
_WAYS = frozenset({"contact", "email", "mail", "phone", "mobile", "telefon", "telephone", "fax", "name"})

LATER = (
    "close", "closed", "closing", "won", "lost", "loss", "lose", "reason", "converted", "conversion", "last", "latest",
    "modified", "updated", "modstamp", "tags", "tag", "quality", "duration", "minutes", "seconds called", "probability",
    "forecast", "score", "scoring", "index", "rating", "grade", "profile", "status", "stage", "lifecycle", "phase",
    "contract", "invoice", "order", "qualification", "qualified", "disqualified", "next step", "next activity", "outcome",
    "result", "won time", "lost time", "abschluss", "verlust", "verloren", "gewonnen", "grund", "letzte", "letzter",
    "geaendert", "dauer", "ergebnis", "wahrscheinlichkeit", "bewertung", "cierre", "perdido", "ganado", "cloture", "motif",
    "dernier", "derniere", "ultima", "ultimo", "became", "days to", "time to", "archived", "deleted", "notes", "comment",
)  # fmt: skip
"""Words of columns that people or systems fill in while a lead is worked on, or once its end is known."""


def tokens(name: str) -> tuple[str, ...]:
    """The words of a column's or file's name: cut at CamelCase and signs, lower case, without accents.

    >>> tokens("LastActivityDate"), tokens("Größe (Mitarbeiter)")
    (('last', 'activity', 'date'), ('groesse', 'mitarbeiter'))
    """
    spaced = _CAMEL.sub(" ", name).lower().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return tuple(word for word in _APART.split(plain) if word)


def nearness(name: str, words: Sequence[str]) -> float:
    """How surely a column's name means one of `words`: 1 to 0.8 if it is one, about 0.6 if it holds one; 0 if not.

    Of several words the earlier ones count for a little more, so that a table with both gives the likelier one.
    """
    own = tokens(name)
    joined = "".join(own)
    unnumbered = joined.rstrip("0123456789")  # Dynamics counts even the first: telephone1
    bare = "".join(word for word in own if word not in OF_TABLE)
    best = 0.0
    for place, word in enumerate(words):
        parts = tuple(word.split())
        less = 0.1 * place / len(words)
        if "".join(parts) in (joined, unnumbered):
            best = max(best, 1.0 - less)
        elif bare and bare == "".join(part for part in parts if part not in OF_TABLE):
            best = max(best, 0.85 - less)
        elif len(parts) > 1 and _holds(own, parts):
            best = max(best, 0.6 - less)
    return best


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(tuple(words[i : i + len(part)]) == tuple(part) for i in range(len(words) - len(part) + 1))


def is_personal(name: str, *, words: bool = False) -> bool:
    """Whether the values of a column of that name may say who a person is. A company's name does not.

    words
        The column holds a few words, each many times: `contact` and `e-mail` are then ways to reach people.
    """
    own = tokens(name)
    companies = set(FILES["accounts"]) | set(FILES["products"])
    if own[-1:] == ("name",) and companies.intersection(own):
        return False
    return bool((PERSONAL - _WAYS if words else PERSONAL).intersection(own))


def later_word(name: str) -> str | None:
    """The word by which a column's name says that it may be filled in late, or None."""
    own = tokens(name)
    if own in _SURNAMES:
        return None
    return next((word for word in LATER if _holds(own, word.split())), None)
