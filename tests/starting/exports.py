"""Exports of CRMs as strangers bring them, invented and small: Salesforce's, HubSpot's, and one with German headers."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2023, 1, 2, 8, 0, tzinfo=UTC)
DAYS = 600
LEADS = 240
FIRST = ("Anna", "Björn", "Clara", "Derek", "Elif", "Farid", "Grete", "Hugo")
LAST = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Weiß", "Costa", "Novak", "Byrne")
COMPANIES = tuple(
    f"{a} {b}"
    for a in ("Alder", "Birch", "Cedar", "Dune", "Ember", "Fjell")
    for b in ("Foods AG", "Labs", "Logistik GmbH")
)
INDUSTRIES = ("Software", "Retail", "Logistics")
SOURCES = ("Web", "Trade Show", "Referral", "Partner")


def write(path: Path, rows: Sequence[dict[str, Any]], *, sign: str = ",", encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter=sign)
        writer.writeheader()
        writer.writerows(rows)


class Story:
    """The same invented history for each export: leads, what became of them, and what they did."""

    def __init__(self, seed: int = 1) -> None:
        draw = random.Random(seed)
        self.leads = []
        self.acts = []
        for number in range(LEADS):
            created = START + timedelta(days=draw.randrange(DAYS), minutes=draw.randrange(600))
            converted = draw.random() < 0.3
            end = created + timedelta(days=draw.randrange(3, 25), minutes=draw.randrange(300))
            self.leads.append(
                {
                    "number": number,
                    "first": draw.choice(FIRST),
                    "last": draw.choice(LAST),
                    "title": draw.choice(("Head of IT", "Buyer", "CEO", "Analyst")),
                    "company": draw.randrange(len(COMPANIES)),
                    "source": draw.choice(SOURCES),
                    "country": draw.choice(("Germany", "France", "Spain")),
                    "created": created,
                    "converted": converted,
                    "lost": not converted and draw.random() < 0.5,
                    "end": end,
                    "phone": f"+49 30 {draw.randrange(1000000, 9999999)}",
                }
            )
            for _ in range(draw.randrange(1, 6)):
                when = created + timedelta(days=draw.randrange(1, 30), minutes=draw.randrange(500))
                self.acts.append(
                    {"lead": number, "at": when, "type": draw.choice(("Call", "Email", "Meeting"))}
                )


def salesforce(folder: Path) -> Path:
    """Lead, Contact, Account, Task, Event, Opportunity: CamelCase, Ids of 18 signs, ISO times with a Z."""
    story = Story(1)

    def ident(prefix: str, number: int) -> str:
        return f"{prefix}5e00000{number:06d}AAQ"

    def stamp(at: datetime) -> str:
        return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"

    write(folder / "Lead.csv", [
        {
            "Id": ident("00Q", lead["number"]), "FirstName": lead["first"], "LastName": lead["last"],
            "Name": f"{lead['first']} {lead['last']}", "Title": lead["title"], "Company": COMPANIES[lead["company"]],
            "Country": lead["country"], "Phone": lead["phone"], "Email": f"{lead['last'].lower()}{lead['number']}@example.com",
            "LeadSource": lead["source"], "Rating": "Hot" if lead["converted"] else "Cold",
            "Status": "Closed - Converted" if lead["converted"] else "Closed - Not Converted" if lead["lost"] else "Open - Not Contacted",
            "Campaign__c": ("Spring", "Autumn", "--None--")[lead["number"] % 3],
            "OwnerId": ident("005", lead["number"] % 5), "HasOptedOutOfEmail": str(lead["number"] % 40 == 0).lower(),
            "IsConverted": str(lead["converted"]).lower(),
            "ConvertedDate": f"{lead['end']:%Y-%m-%d}" if lead["converted"] else "",
            "ConvertedAccountId": ident("001", lead["company"]) if lead["converted"] else "",
            "ConvertedOpportunityId": ident("006", lead["number"]) if lead["converted"] else "",
            "CreatedDate": stamp(lead["created"]), "LastModifiedDate": stamp(lead["end"]),
        }
        for lead in story.leads
    ])  # fmt: skip
    write(folder / "Account.csv", [
        {
            "Id": ident("001", number), "Name": name, "Website": f"https://{name.split()[0].lower()}{number}.example",
            "Industry": INDUSTRIES[number % 3], "NumberOfEmployees": 20 + 37 * number, "AnnualRevenue": 1_000_000 + 70_000 * number,
            "BillingCountry": "Germany", "CreatedDate": stamp(START), "LastModifiedDate": stamp(START),
        }
        for number, name in enumerate(COMPANIES)
    ])  # fmt: skip
    write(folder / "Contact.csv", [
        {
            "Id": ident("003", lead["number"]), "AccountId": ident("001", lead["company"]), "LastName": lead["last"],
            "Email": f"{lead['last'].lower()}{lead['number']}@example.com", "CreatedDate": stamp(lead["end"]),
        }
        for lead in story.leads if lead["converted"]
    ])  # fmt: skip
    write(folder / "Opportunity.csv", [
        {
            "Id": ident("006", lead["number"]), "AccountId": ident("001", lead["company"]), "StageName": ("Closed Won", "Closed Lost", "Proposal")[lead["number"] % 3],
            "Amount": 1000 + lead["number"], "CreatedDate": stamp(lead["end"]), "CloseDate": f"{lead['end'] + timedelta(days=30):%Y-%m-%d}",
        }
        for lead in story.leads if lead["converted"]
    ])  # fmt: skip
    tasks = [act for act in story.acts if act["type"] != "Meeting"]
    write(folder / "Task.csv", [
        {
            "Id": ident("00T", number), "WhoId": ident("00Q", act["lead"]), "Subject": f"About item {number}", "ActivityDate": f"{act['at']:%Y-%m-%d}",
            "Status": "Completed", "TaskSubtype": act["type"], "CreatedDate": stamp(act["at"]),
        }
        for number, act in enumerate(tasks)
    ])  # fmt: skip
    write(folder / "Event.csv", [
        {
            "Id": ident("00U", number), "WhoId": ident("00Q", act["lead"]), "Subject": f"Talk {number}", "StartDateTime": stamp(act["at"]),
            "EndDateTime": stamp(act["at"] + timedelta(hours=1)), "EventSubtype": "Event", "CreatedDate": stamp(act["at"]),
        }
        for number, act in enumerate([act for act in story.acts if act["type"] == "Meeting"])
    ])  # fmt: skip
    return folder


def hubspot(folder: Path) -> Path:
    """Contacts, companies, activities and the history of lifecycle stages: spaces in names, times without a zone."""
    story = Story(2)

    def stamp(at: datetime) -> str:
        return f"{at:%Y-%m-%d %H:%M}"

    write(folder / "hubspot-contacts.csv", [
        {
            "Record ID": 5_100_000_000 + 7 * lead["number"], "First Name": lead["first"], "Last Name": lead["last"],
            "Email": f"{lead['last'].lower()}.{lead['number']}@example.org", "Phone Number": lead["phone"], "Job Title": lead["title"],
            "Associated Company ID": 8_800_000_000 + lead["company"], "Create Date": stamp(lead["created"]),
            "Original Source": lead["source"], "Country/Region": lead["country"], "Contact owner": f"{FIRST[lead['number'] % 3]} {LAST[lead['number'] % 3]}",
            "Lifecycle Stage": "Customer" if lead["converted"] else "Lead", "Became a Customer Date": stamp(lead["end"]) if lead["converted"] else "",
            "Last Activity Date": stamp(lead["end"]), "Number of Form Submissions": lead["number"] % 4, "Unsubscribed from all email": "",
        }
        for lead in story.leads
    ])  # fmt: skip
    write(folder / "hubspot-companies.csv", [
        {
            "Record ID": 8_800_000_000 + number, "Company name": name, "Company Domain Name": f"{name.split()[0].lower()}{number}.example",
            "Industry": INDUSTRIES[number % 3].upper(), "Number of Employees": 20 + 37 * number, "Annual Revenue": 1_000_000 + 70_000 * number,
            "Country/Region": "Germany", "Create Date": stamp(START),
        }
        for number, name in enumerate(COMPANIES)
    ])  # fmt: skip
    write(folder / "hubspot-activities.csv", [
        {
            "Activity ID": 90_000 + number, "Activity type": act["type"], "Activity date": stamp(act["at"]),
            "Associated Contact ID": 5_100_000_000 + 7 * act["lead"], "Activity assigned to": FIRST[number % 3],
        }
        for number, act in enumerate(story.acts)
    ])  # fmt: skip
    history = [(lead["number"], "Lead", lead["created"]) for lead in story.leads]
    history += [
        (lead["number"], "Sales Qualified Lead", lead["end"]) for lead in story.leads if lead["converted"]
    ]
    history += [
        (lead["number"], "Customer", lead["end"] + timedelta(days=9))
        for lead in story.leads
        if lead["converted"]
    ]
    write(folder / "lifecycle-history.csv", [
        {"Contact ID": 5_100_000_000 + 7 * number, "Lifecycle Stage": stage, "Changed at": stamp(at)} for number, stage, at in history
    ])  # fmt: skip
    return folder


def german(folder: Path) -> Path:
    """Semicolons, Windows' alphabet, dd.mm.yyyy, bands, decimal commas, and company names that are typed by hand."""
    story = Story(3)

    def typed(number: int, name: str) -> str:
        return name.upper() if number % 5 == 0 else name.replace(" ", "-") if number % 5 == 1 else name

    def out(name: str, rows: list[dict[str, Any]]) -> None:
        write(folder / name, rows, sign=";", encoding="cp1252")

    out("Interessenten.csv", [
        {
            "Interessentennummer": f"I-{lead['number']:05d}", "Angelegt am": f"{lead['created']:%d.%m.%Y}", "Firma": typed(lead["number"], COMPANIES[lead["company"]]),
            "Ansprechpartner": f"{lead['first']} {lead['last']}", "E-Mail": f"{lead['first'][0].lower()}{lead['number']}@example.net", "Telefon": lead["phone"],
            "Funktion": lead["title"], "Leadquelle": "k.A." if lead["number"] % 9 == 0 else lead["source"], "Land": lead["country"],
            "Größe der Anfrage": ("klein", "mittel", "groß")[lead["number"] % 3], "Verlustgrund": "Preis" if lead["lost"] else "",
            "Werbesperre": "Ja" if lead["number"] % 50 == 0 else "Nein", "Zuständig": f"{FIRST[lead['number'] % 4]} {LAST[lead['number'] % 4]}",
        }
        for lead in story.leads
    ])  # fmt: skip
    out("Firmen.csv", [
        {
            "Firmenname": name, "Branche": INDUSTRIES[number % 3], "Mitarbeiter": ("1-49", "50 - 199", "200-999", "1000+")[number % 4],
            "Jahresumsatz": f"{number + 1}.234,50", "Land": "Deutschland", "Gründungsjahr": 1950 + number,
        }
        for number, name in enumerate(COMPANIES)
    ])  # fmt: skip
    out("Aktivitäten.csv", [
        {
            "Interessentennummer": f"I-{act['lead']:05d}", "Datum": f"{act['at']:%d.%m.%Y %H:%M}",
            "Art": {"Call": "Anruf", "Email": "E-Mail", "Meeting": "Rauchzeichen"}[act["type"]], "Richtung": ("eingehend", "ausgehend")[number % 2],
        }
        for number, act in enumerate(story.acts)
    ])  # fmt: skip
    history = [(lead["number"], "Neu", lead["created"]) for lead in story.leads]
    history += [(lead["number"], "Qualifiziert", lead["end"]) for lead in story.leads if lead["converted"]]
    history += [(lead["number"], "Verloren", lead["end"]) for lead in story.leads if lead["lost"]]
    out("Statusverlauf.csv", [
        {"Interessentennummer": f"I-{number:05d}", "Status": stage, "Geändert am": f"{at:%d.%m.%Y}"} for number, stage, at in history
    ])  # fmt: skip
    return folder
