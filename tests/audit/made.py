"""Verdicts of a court, made by hand."""

from __future__ import annotations

from propensity.audit.leakage import ColumnVerdict, Court, Reason

SECRETS = ("ann.example@firm.example", "+49 89 1234567", "Ann Example")


def verdict(name, word, *, why=None, sentence="alone it tells who converted", feeds=True):
    reasons = () if word == "clear" else (Reason("alone", 0.99, 0.9, sentence),)
    return ColumnVerdict(name, "leads", "tables.leads.extra", feeds, word, reasons, {}, why)


COURT = Court(
    (
        verdict("call_minutes", "convicted"),
        verdict("<script>alert(1)</script>", "suspect", sentence=f"of 12 leads whose `x` is {SECRETS[0]!r}"),
        verdict("account_owner", "suspect", sentence=f"of 12 leads whose owner is {SECRETS[2]!r}"),
        verdict("budget_round", "suspect", why="the form asks for it"),
        verdict("source", "clear"),
        verdict("unread", "convicted", feeds=False),
    ),
    ("a random split would promise more",),
)
