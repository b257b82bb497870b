"""The page in headless Chromium: quiet, whole, and no wider than a phone."""

from __future__ import annotations

import pytest

from audit.browser import CHROMIUM, browser
from audit.test_report import hostile_pack
from propensity.audit.report import render

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")

WIDER = """
[...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".scroll, svg, pre") && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.tagName + " " + e.textContent.slice(0, 40))
"""
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
COLOURS = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def file(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "evidence.html"
    path.write_text(page, encoding="utf-8")
    return path


def test_the_page_is_quiet_and_asks_for_itself_alone(chromium, file):
    chromium.open(file)
    assert chromium.complaints() == []
    assert chromium.requests() == [file.as_uri()]
    assert chromium.js("document.querySelectorAll('svg').length") >= 10


def test_the_style_sheet_is_not_blocked_by_the_policy(chromium, file):
    chromium.open(file)
    light = chromium.js(COLOURS)
    chromium.open(file, scheme="dark")
    assert light == "rgb(255, 255, 255)" != chromium.js(COLOURS)


@pytest.mark.parametrize("width", [360, 768])
def test_the_page_does_not_scroll_sideways(chromium, file, width):
    chromium.open(file, width=width)
    assert chromium.js(WIDER) == []
    assert chromium.js(SIDEWAYS) is False


def test_the_columns_of_the_contents_begin_at_one_height(chromium, file):
    chromium.open(file, width=900)
    tops = chromium.js(
        "(all => all.map(e => [e.offsetLeft, e.getBoundingClientRect().top]))([...document.querySelectorAll('nav li')])"
    )
    first = dict(reversed(tops))
    assert len(first) == 2
    assert len(set(first.values())) == 1


def test_hostile_names_neither_run_nor_widen_the_page(chromium, tmp_path):
    path = tmp_path / "hostile.html"
    path.write_text(render(hostile_pack()), encoding="utf-8")
    chromium.open(path, width=360)
    assert chromium.complaints() == []
    assert chromium.requests() == [path.as_uri()]
    assert chromium.js(WIDER) == []


def test_every_anchor_leads_somewhere(chromium, file):
    chromium.open(file)
    lost = "[...document.querySelectorAll('a')].filter(a => !document.querySelector(a.getAttribute('href'))).length"
    assert chromium.js("document.querySelectorAll('a').length") == 14
    assert chromium.js(lost) == 0


def test_on_paper_everything_is_open_and_fits(chromium, file):
    hidden = (
        "[...document.querySelectorAll('details > :not(summary)')].filter(e => !e.checkVisibility()).length"
    )
    chromium.open(file)
    assert chromium.js(hidden) > 0
    chromium.open(file, width=688, media="print")
    assert chromium.js(hidden) == 0
    assert (
        chromium.js("[...document.querySelectorAll('table')].filter(t => t.scrollWidth > innerWidth).length")
        == 0
    )
    assert chromium.pdf().startswith(b"%PDF")
