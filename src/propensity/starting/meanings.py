"""What values mean: words for unknown, for stages, for kinds of acts, for yes and no. Data, and small matchers."""

from __future__ import annotations

from collections.abc import Mapping

from propensity.starting.names import tokens

NULL_WORDS = (
    "select", "--select--", "- select -", "please select", "bitte wählen", "unknown", "n/a", "na", "#n/a", "none", "null", "nil", "-",
    "--", "---", "?", "undefined", "not specified", "not available", "not provided", "(blank)", "(none)", "--none--", "(no value)",
    "unbekannt", "k.a.", "k. a.", "keine angabe", "inconnu", "non renseigné", "desconocido", "sin especificar", "tbd", "nan",
)  # fmt: skip
"""Words, in lower case, that stand where nothing is known."""

YES = ("true", "t", "yes", "y", "1", "1.0", "ja", "oui", "si", "sí", "won", "x")
NO = ("false", "f", "no", "n", "0", "0.0", "nein", "non", "lost")
READ_AS_THEY_ARE = frozenset({"true", "t", "yes", "y", "1", "1.0", "false", "f", "no", "n", "0", "0.0"})

STAGES: Mapping[str, tuple[str, ...]] = {
    "disqualified": (
        "disqualified", "unqualified", "lost", "closed lost", "closed not converted", "not converted", "junk", "junk lead", "rejected",
        "dead", "cancelled", "canceled", "verloren", "disqualifiziert", "abgelehnt", "perdu", "perdido", "no interest", "not interested",
        "kein interesse",
    ),
    "customer": (
        "customer", "won", "closed won", "gewonnen", "kunde", "abgeschlossen", "client", "cliente", "gagne", "ganado", "evangelist",
        "signed",
    ),
    "opportunity": (
        "opportunity", "proposal", "proposition", "negotiation", "quote sent", "contract sent", "proposal price quote", "angebot",
        "verhandlung", "negotiation review", "value proposition", "chance", "verkaufschance", "presentation scheduled", "demo scheduled",
        "decision maker bought in", "offer", "offered", "proposed", "perception analysis", "id decision makers",
    ),
    "prospect": (
        "prospect", "qualified", "sales qualified lead", "sql", "salesqualifiedlead", "closed converted", "converted", "qualifiziert",
        "appointment scheduled", "qualified to buy", "qualifie", "calificado", "needs analysis", "interessent",
    ),
    "lead": (
        "lead", "new", "open", "open not contacted", "working", "working contacted", "contacted", "attempted to contact", "engaging",
        "engaged", "prospecting", "nurturing", "nurture", "marketing qualified lead", "marketingqualifiedlead", "mql", "subscriber", "neu",
        "offen", "kontaktiert", "in bearbeitung", "nouveau", "nuevo", "in progress", "connected", "open deal", "qualification",
        "suspect",
    ),
}  # fmt: skip
"""Canonical stage to the words of CRMs."""

ACTS: Mapping[str, tuple[str, ...]] = {
    "web_visit": ("web visit", "page view", "pageview", "visit", "session", "website visit", "visited website", "page visited", "webbesuch", "besuch website"),
    "pricing_view": ("pricing view", "pricing page", "viewed pricing", "pricing page view", "preisseite"),
    "content_download": ("content download", "download", "whitepaper", "ebook", "downloaded content", "white paper download", "asset download"),
    "form_submit": ("form submit", "form submission", "form submitted", "form", "web form", "formular", "formular gesendet", "sign up", "signup"),
    "email_sent": ("email sent", "sent email", "email", "outgoing email", "marketing email", "mail", "mailing", "newsletter", "e mail", "email delivered"),
    "email_open": ("email open", "email opened", "opened email", "opened", "open", "mail geoeffnet", "e mail geoeffnet"),
    "email_click": ("email click", "email clicked", "clicked email", "click", "email link clicked", "mail geklickt"),
    "email_reply": ("email reply", "email replied", "replied", "reply", "incoming email", "received email", "antwort", "e mail antwort"),
    "call": ("call", "phone call", "phone", "outgoing call", "incoming call", "cold call", "anruf", "telefonat", "appel", "llamada"),
    "meeting": ("meeting", "appointment", "visit on site", "event", "demo", "lunch", "besprechung", "termin", "treffen", "reunion", "rendez vous", "besuch"),
    "demo_request": ("demo request", "requested demo", "demo requested", "demo anfrage", "demoanfrage", "chat"),
    "quote_request": ("quote request", "requested quote", "quote requested", "angebotsanfrage", "request for quote", "rfq"),
}  # fmt: skip
"""Canonical kind of act to the words of CRMs."""


def stage_of(word: str) -> str | None:
    """The canonical stage that a company's word means, or None."""
    return _meaning(word, STAGES)


def act_of(word: str) -> str | None:
    """The canonical kind of act that a company's word means, or None."""
    return _meaning(word, ACTS)


def _meaning(word: str, known: Mapping[str, tuple[str, ...]]) -> str | None:
    own = " ".join(tokens(word))
    joined = own.replace(" ", "")
    if word in known:
        return word
    return next(
        (
            name
            for name, words in known.items()
            if own in words or joined in {each.replace(" ", "") for each in words}
        ),
        None,
    )


def outcome_of(word: str) -> str | None:
    """`true` or `false` where a word tells how a lead ended, the empty text where it is still open; None if unknown."""
    folded = word.strip().lower()
    if folded in YES or folded in NO:
        return "true" if folded in YES else "false"
    stage = stage_of(word)
    ends = {"customer": "true", "disqualified": "false", "prospect": "true"}
    return None if stage is None else ends.get(stage, "")
