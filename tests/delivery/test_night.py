"""A scored night on disk: every file of every rep, the overview, who left, and the same bytes again."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from datetime import timedelta

import pandas as pd
import pyarrow.parquet as pq
import pytest

from conftest import UNASKED, scoring_config
from propensity import workflow
from propensity.delivery.reps import rep_id


@pytest.fixture(scope="module")
def night(small_world, champion_place, tmp_path_factory):
    place = tmp_path_factory.mktemp("night")
    config = scoring_config(small_world, champion_place, place, "lists.capacity=60")
    unasked = scoring_config(small_world, champion_place, place, "lists.capacity=60", UNASKED)
    early = workflow.score(unasked, as_of=config.data.through - timedelta(days=30))
    return config, early, workflow.score(config)


def read(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_each_rep_has_a_page_a_workbook_and_a_csv(night):
    _, _, found = night
    manifest = read(found.out)
    listed = pq.read_table(found.out / "list.parquet").to_pandas()
    assert sum(rep["listed"] for rep in manifest["reps"]) == found.listed == len(listed)
    for rep in manifest["reps"]:
        assert rep["id"] == rep_id(rep["name"])
        mine = listed[listed["rep"] == rep["name"]].sort_values("rep_rank")
        assert rep["expected_prospects"] == pytest.approx(mine["probability"].sum(), abs=1e-6)
        files = [found.out / "reps" / f"{rep['id']}.{ending}" for ending in ("html", "xlsx", "csv")]
        assert all(path.is_file() for path in files)
        frame = pd.read_csv(files[2], dtype={"lead_id": str})
        with files[2].open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert list(frame["lead_id"]) == list(mine["lead_id"]) == [row["lead_id"] for row in rows]
        assert f'"rep":"{rep["name"]}"' in files[0].read_text(encoding="utf-8")


def test_the_manifest_names_every_file_with_its_hash(night):
    folder = night[2].out
    manifest = read(folder)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {*manifest["files"], "manifest.json"}
    for name, told in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["sha256"]


def test_the_overview_says_reps_removals_and_funnel(night):
    found = night[2]
    text = (found.out / "overview.html").read_text(encoding="utf-8")
    manifest = read(found.out)
    for rep in manifest["reps"]:
        assert f'href="reps/{rep["id"]}.html"' in text
    assert f"Why {sum(found.removed.values()):,} of {found.scored:,} leads are on no list" in text
    for cause, words in (
        ("already_converted", "is a prospect or beyond already"),
        ("disqualified", "was disqualified"),
    ):
        assert f'{words}</th><td class="r">{found.removed[cause]:,}' in text
    assert "the sum of their probabilities" in text
    left_over = found.removed["over_capacity"]
    assert left_over
    assert found.listed == 60
    assert "The team may call 60 leads a night (lists.capacity), fewer than the " in text
    assert f"{left_over:,} leads that could be called are on no list" in text
    assert not re.search(r"https?://|<script", text)


def test_who_left_the_list_is_told_to_the_crm(night):
    _, early, found = night
    before = set(pq.read_table(early.out / "list.parquet")["lead_id"].to_pylist())
    now = set(pq.read_table(found.out / "list.parquet")["lead_id"].to_pylist())
    left = pd.read_csv(found.out / "crm" / "salesforce-left.csv", dtype=str, keep_default_na=False)
    assert set(left["Id"]) == before - now != set()
    scores = pq.read_table(found.out / "scores.parquet").to_pandas().set_index("lead_id")
    assert list(left["Propensity_Because__c"]) == list(scores.loc[left["Id"], "removed_because"])
    assert not (left == "").any(axis=None)
    on = pd.read_csv(found.out / "crm" / "hubspot.csv", dtype=str)
    assert set(on["Record ID"]) == now
    assert early.out.name < found.out.name
    assert pd.read_csv(early.out / "crm" / "salesforce-left.csv").empty


def test_the_same_night_again_gives_the_same_bytes_and_keeps_what_is_not_ours(night):
    config, _, found = night
    before = {name: told["sha256"] for name, told in read(found.out)["files"].items()}
    (found.out / "reps" / "feedback.csv").write_text("mine")
    again = workflow.score(config)
    assert {name: told["sha256"] for name, told in read(again.out)["files"].items()} == before
    assert (again.out / "reps" / "feedback.csv").read_text() == "mine"
    assert not [path for path in config.paths.out.iterdir() if path.name.startswith(".")]


def test_nobody_who_asked_not_to_be_contacted_is_in_what_is_delivered(night):
    found = night[2]
    scores = pq.read_table(found.out / "scores.parquet").to_pandas()
    silent = scores.loc[scores["removed"] == "do_not_contact", "lead_id"]
    assert len(silent)
    files = [
        *found.out.glob("reps/*"),
        found.out / "crm/salesforce.csv",
        found.out / "crm/hubspot.csv",
    ]
    told = "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix in {".html", ".csv"})
    assert not [lead for lead in silent if re.search(rf"\b{lead}\b", told)]


@pytest.mark.parametrize("width", [320, 400, 831, 832])
def test_nothing_of_the_overview_is_off_screen(night, opened, width):
    off = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 90))"
    with opened(night[2].out / "overview.html", width=width) as page:
        assert page.locator("main *:not(.unseen)").evaluate_all(off) == []
        assert page.locator(".scroll").evaluate("box => box.scrollWidth <= box.clientWidth")
        assert page.locator("tbody th a").first.inner_text().startswith("list of")


def test_the_overview_is_quiet_fits_a_phone_and_axe_finds_nothing(night, opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python here")
    path = night[2].out / "overview.html"
    for width, scheme in ((360, "dark"), (1440, "light")):
        with opened(path, width=width, scheme=scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.said == []
            assert page.asked == [path.as_uri()]
            assert axe.Axe().run(page).response["violations"] == []
            page.get_by_role("link", name=re.compile("^list of")).first.click()
            assert page.locator(".lead").count() > 0
