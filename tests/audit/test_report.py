"""The page itself: from a pack made by hand, as hostile as users' data can be."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from audit.markup import Parsed
from propensity.audit.charts import Bar, Interval, bars, intervals
from propensity.audit.report import (
    Bullets,
    Drawing,
    Fold,
    Grid,
    Pack,
    Section,
    Words,
    listed,
    plain,
    quoted,
    render,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "x" * 10_000,
    "\u202eevil\u202c",
    "שלום עולם",
    "🤷🏽‍♀️ emoji",
    "two\nlines\r\nand\ttabs\x00",
    "{{ 7 * 7 }}{% raw %}",
    "&amp;&lt;",
    "]]><!--",
    "",
)


def hostile_pack():
    names = tuple(quoted(name) for name in HOSTILE)
    chart = bars([Bar(name, 1.0, name) for name in names], says="; ".join(names))
    dots = intervals([Interval(name, 1.0, 0.5, 1.5, name) for name in names], says="dots", tick=str)
    blocks = (
        Words(" ".join(names)),
        Words("propensity train --config x", "code"),
        Bullets(names),
        Grid(names[0], names, (names,), "l" * len(names)),
        Drawing(chart, names[1]),
        Fold(names[0], (Drawing(dots, "dots"), Grid("two", (), (("a", names[2]),), "ll"))),
    )
    return Pack(
        names[0], names, names, (Section("one", names[0], blocks), Section("two", "Two", (Words("."),)))
    )


@pytest.fixture(scope="module")
def page():
    return render(hostile_pack())


def test_nothing_in_users_data_becomes_markup(page):
    parsed = Parsed(page)
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "a:script"}
    assert not [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)]
    assert "{{ 7 * 7 }}" in parsed.text
    assert "49" not in parsed.text


def test_every_tag_is_closed_in_its_turn(page):
    parsed = Parsed(page)
    assert parsed.unbalanced == []
    assert parsed.open == []


def test_long_names_are_cut_and_invisible_turns_of_direction_are_gone(page):
    assert "x" * 61 not in page
    assert not re.search("[\u202a-\u202e\u2066\u2067\x00-\x08]", page)
    assert f"\u2068{HOSTILE[4]}\u2069" in page
    assert "two lines and tabs" in page


def test_the_page_asks_for_nothing_from_outside(page):
    outside = re.findall(r"https?:|//|\bsrc\s*=|url\s*\(|@import|<link", re.sub(r"&[a-z#0-9]+;", "", page))
    # The hostile image's source is text, between escaped signs.
    assert set(outside) <= {"src="}
    assert not [attrs for _, attrs in Parsed(page).tags if "src" in attrs or attrs.get("href", "#")[0] != "#"]


def test_the_policy_forbids_everything_but_the_one_style_sheet(page):
    policy = next(attrs["content"] for attrs in Parsed(page).all("meta") if "http-equiv" in attrs)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert not [attrs for _, attrs in Parsed(page).tags if "style" in attrs]


def test_every_link_in_the_page_leads_to_a_section_and_no_id_comes_twice(page):
    parsed = Parsed(page)
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for attrs in parsed.all("a")} == {"#one", "#two"} <= {f"#{name}" for name in ids}


def test_every_chart_says_in_words_what_it_shows(page):
    charts = Parsed(page).all("svg")
    assert len(charts) == 2
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)


def test_tables_scroll_in_a_box_that_the_keyboard_reaches(page):
    assert page.count('<div class="scroll" role="region"') == page.count("<table>") == 2
    assert page.count('tabindex="0"') == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann@example.com", "(hidden: an address)"),
        ("call +49 89 1234567", "(hidden: a long number)"),
        ("089 123456789", "(hidden: a long number)"),
        ("2026-06-01", "2026-06-01"),
        ("2026-06-01 to 2026-07-01", "2026-06-01 to 2026-07-01"),
        ("1,000,000 and more", "1,000,000 and more"),
        ("1000-5000", "1000-5000"),
    ],
)
def test_what_looks_like_a_person_is_hidden(text, shown):
    assert quoted(text) == shown


def test_of_a_sentence_only_the_address_is_hidden():
    assert plain("of 12 leads whose `x` is 'a@b.example', 9 converted") == (
        "of 12 leads whose `x` is (hidden: an address) 9 converted"
    )


def test_listed_words_read_as_people_write_them():
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("", "a", "a and b")
