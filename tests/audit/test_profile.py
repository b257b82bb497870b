"""The profile of checked data: right counts on the simulated world, and never a traceback on odd ones."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pyarrow.csv as pacsv
import pytest
from rich.console import Console

from conftest import small_config
from propensity import workflow
from propensity.audit import screen
from propensity.audit.profile import Profile
from propensity.config.file import parse_config


@pytest.fixture(scope="module")
def world(small_world, tmp_path_factory) -> Profile:
    return workflow.check(small_config(small_world, tmp_path_factory.mktemp("audit"))).profile


def profiled(
    folder: Path, *, leads: str, tables: dict | None = None, files: dict | None = None, **more
) -> Profile:
    (folder / "leads.csv").write_text(leads)
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    own = (tables or {}).get("leads", {})
    tree = {
        "data": {"folder": str(folder)},
        "tables": {**(tables or {}), "leads": {"path": "leads.csv", **own}},
        "paths": {"quarantine": str(folder / "q")},
        **more,
    }
    found = workflow.check(parse_config(tree, base=folder))
    json.dumps(found.to_dict(), allow_nan=False)
    for width in (80, 120):
        printed(found.profile, width)
    return found.profile


def printed(profile: Profile, width: int) -> str:
    out = io.StringIO()
    screen.show(Console(file=out, width=width), profile)
    assert max(map(len, out.getvalue().splitlines())) <= width
    return out.getvalue()


def column(profile: Profile, table: str, name: str):
    return next(each for each in profile.columns[table] if each.name == name)


def flat(rows: int, *, dated: bool = True) -> str:
    head = "lead_id,created_at,source,outcome\n" if dated else "lead_id,source,outcome\n"
    lines = (
        f"L{i},{f'20{22 + i % 3}-{i % 12 + 1:02d}-{i % 27 + 1:02d},' if dated else ''}{'web' if i % 2 else 'event'},"
        f"{'yes' if i % 4 == 0 else 'no'}\n"
        for i in range(rows)
    )
    return head + "".join(lines)


def test_counts_are_those_of_the_file(world, small_world):
    rows = pacsv.read_csv(small_world / "leads.csv").to_pylist()
    rows = [row for row in rows if row["created_at"] != "13.13.2O25"]
    source = column(world, "leads", "source")
    counts = Counter(row["source"] for row in rows if row["source"])
    assert (source.rows, source.known, source.distinct) == (500, sum(counts.values()), len(counts))
    assert dict(source.top) == dict(counts.most_common(5))
    values = sorted(row["deal_value"] for row in rows if row["deal_value"] is not None)
    found = column(world, "leads", "deal_value")
    assert (found.low, found.high) == (values[0], values[-1])
    assert found.median == pytest.approx((values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2)


@pytest.mark.parametrize("name", ["contact_name", "email", "phone", "owner"])
def test_of_people_only_the_number_is_told(world, name):
    assert set(column(world, "leads", name).to_dict()) == {"kind", "known", "filled", "distinct"}
    assert "personal: not shown" in printed(world, 100)


def test_rates_add_up_and_lie_in_their_intervals(world):
    regions = dict(world.rates.columns)["region"]
    assert sum(value.leads for value in regions) <= world.rates.leads
    assert all(value.low <= value.rate <= value.high for value in regions)
    assert "within 30 days of creation" in world.rates.definition
    assert {"source", "department", "account's industry"} <= set(dict(world.rates.columns))


def test_a_value_with_few_conversions_is_marked(world):
    values = [value for _, column in world.rates.columns for value in column]
    few = [value for value in values if min(value.conversions, value.leads - value.conversions) < 5]
    assert few
    assert not any(value.enough for value in few)
    assert "too few to tell" in printed(world, 80)


def test_sufficiency_is_what_training_would_take(world):
    found = world.sufficiency
    assert found.split == "forward"
    assert found.past_conversions + found.test_conversions <= found.conversions
    assert found.past_others + found.past_conversions < found.snapshots
    assert world.verdict.level == "barely"
    assert f"{found.past_conversions} conversions" in world.verdict.sentence


def test_more_conversions_than_the_least_are_asked_for(small_world, tmp_path):
    config = small_config(small_world, tmp_path, "checks.min_conversions=100000")
    verdict = workflow.check(config).profile.verdict
    assert verdict.level == "not enough"
    assert "100000 of each are needed (checks.min_conversions)" in verdict.sentence
    assert any("more months of history give about" in each for each in verdict.help)


def test_flat_data_with_many_conversions_suffice(tmp_path):
    found = profiled(tmp_path, leads=flat(2400))
    assert found.verdict.level == "enough"
    assert found.sufficiency.split == "forward"
    assert found.rates.definition == "leads with an outcome; conversion: the outcome is yes"
    web = next(value for value in dict(found.rates.columns)["source"] if value.value == "web")
    assert (web.leads > 500, web.conversions) == (True, 0)


def test_undated_data_are_split_at_random_and_that_is_said(tmp_path):
    found = profiled(tmp_path, leads=flat(2400, dated=False))
    assert found.sufficiency.split == "random"
    assert "drawn at random" in found.verdict.sentence
    assert any("order_by" in each for each in found.verdict.help)
    assert not found.covered


def test_leads_alone_say_what_is_missing(tmp_path):
    found = profiled(
        tmp_path, leads="lead_id,created_at\n" + "".join(f"L{i},2024-01-{i + 1:02d}\n" for i in range(9))
    )
    assert found.verdict.level == "not enough"
    assert found.verdict.help[0].startswith("say who converted")
    assert found.rates is None


def test_empty_tables_and_columns_of_nothing(tmp_path):
    found = profiled(
        tmp_path,
        leads=flat(50)
        .replace("source,", "source,title,")
        .replace(",web,", ",web,,")
        .replace(",event,", ",event,,"),
        tables={"activities": {"path": "a.csv"}, "accounts": {"path": "c.csv"}},
        files={"a.csv": "lead_id,occurred_at,type\n", "c.csv": "account_id,industry\n"},
    )
    title = column(found, "leads", "title")
    assert (title.known, title.filled, title.distinct) == (0, 0, 0)
    assert column(found, "activities", "type").filled == 0
    assert "leads.title is 100% empty" in found.verdict.help


def test_a_single_lead(tmp_path):
    found = profiled(tmp_path, leads="lead_id,created_at,outcome\nL1,2024-01-01,yes\n")
    assert found.verdict.level == "not enough"
    assert (found.sufficiency.snapshots, found.sufficiency.split) == (0, None)


def test_no_conversion_at_all(tmp_path):
    found = profiled(tmp_path, leads=flat(600).replace(",yes\n", ",no\n"))
    assert found.verdict.level == "not enough"
    assert found.sufficiency.past_conversions == 0
    assert "0 conversions" in found.verdict.sentence


def test_gaps_and_a_late_start_are_said(tmp_path):
    leads = "lead_id,created_at\n" + "".join(f"L{i},2023-{i + 1:02d}-05\n" for i in range(12))
    acts = "lead_id,occurred_at,type\nL1,2023-08-01,call\nL1,2023-11-01,call\n"
    found = profiled(tmp_path, leads=leads, tables={"activities": {"path": "a.csv"}}, files={"a.csv": acts})
    assert found.covered["activities"].gaps == ("2023-09", "2023-10")
    assert dict(found.covered["activities"].months) == {"2023-08": 1, "2023-11": 1}
    said = "\n".join(found.verdict.help)
    assert "activities begin 7 months after the leads (2023-08)" in said
    assert "activities have 2 month(s) without a row (2023-09, 2023-10)" in said
    assert "activities.recorded_at" in said


def test_leads_without_an_account_are_counted(tmp_path):
    leads = "lead_id,created_at,account_id\n" + "".join(
        f"L{i},2024-01-{i + 1:02d},{'A1' if i < 6 else ''}\n" for i in range(10)
    )
    found = profiled(
        tmp_path, leads=leads, tables={"accounts": {"path": "c.csv"}}, files={"c.csv": "account_id\nA1\n"}
    )
    assert "40% of the leads have no account" in found.verdict.help


def test_extra_columns_are_profiled_too(tmp_path):
    extra = {"leads": {"columns": {}, "extra": {"campaign": {"column": "source", "static": True}}}}
    found = profiled(tmp_path, leads=flat(60), tables=extra)
    assert dict(column(found, "leads", "campaign").top) == {"event": 30, "web": 30}
    assert "campaign" in dict(found.rates.columns)


def test_the_terminal_without_utf8_gets_plain_bars(world):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    console = Console(file=out, width=80)
    screen.show(console, world)
    out.flush()
    assert "\\u258" not in out.buffer.getvalue().decode("ascii")


def test_the_profile_can_be_left_out(small_world, tmp_path):
    result = workflow.check(small_config(small_world, tmp_path), profiled=False)
    assert result.profile is None
    assert result.to_dict()["profile"] is None


def test_of_an_own_category_only_what_five_leads_share_is_named(tmp_path):
    sizes = {"five": 5, "four": 4, "many": 41}
    words = [word for word, size in sizes.items() for _ in range(size)]
    head, *lines = flat(len(words)).splitlines()
    rows = [f"{line},{word}" for line, word in zip(lines, words, strict=True)]
    leads = "\n".join([f"{head},team", *rows]) + "\n"
    found = profiled(tmp_path, leads=leads, tables={"leads": {"extra": {"team": {"static": True}}}})
    assert column(found, "leads", "team").top == (("many", 41), ("five", 5))
    assert [value.value for value in dict(found.rates.columns)["team"]] == ["many", "five"]
    assert "four" not in printed(found, 100)
