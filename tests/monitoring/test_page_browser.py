"""The page in headless Chromium: quiet, whole, readable in the dark and on a phone, and without serious faults of access."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from audit.browser import CHROMIUM, browser
from audit.test_report_browser import SIDEWAYS, WIDER
from monitoring.made import arrived, laws, night, reference
from propensity.config import MonitoringConfig
from propensity.monitoring.judge import judged
from propensity.monitoring.page import page_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def loud():
    """Thirty nights whose last five drifted, with everything that can go wrong, and hostile names."""
    rng, shares, rules = np.random.default_rng(0), laws(), MonitoringConfig()
    known = reference(rng, shares)
    moved = {**shares, **{name: np.roll(shares[name], 4) for name in list(shares)[:4]}}
    tables = {"leads": arrived([0, 0, 0, 10]), "activities": arrived([60] * 7 + [20])}
    surprises = {
        "empty": ["size"],
        "new": {
            "<script>alert(1)</script>": {"values": {"<img src=x onerror=alert(1)>" * 4: 90}, "others": 2}
        },
    }
    nights = [night(rng, day, shares, known, tables={"leads": arrived([10])}) for day in range(25)]
    nights += [
        night(rng, day, moved, known, probability=0.09, push=0.7, tables=tables, surprises=surprises)
        for day in range(25, 30)
    ]
    verdicts = {one.as_of: judged(one, nights, None, rules).verdict() for one in nights}
    return page_of(judged(nights[-1], nights, None, rules), nights, verdicts, {}, None, rules)


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture(scope="module", params=["loud", "watched"])
def file(request, tmp_path_factory):
    if request.param == "watched":
        return request.getfixturevalue("watched").result.page
    path = tmp_path_factory.mktemp("page") / "monitor.html"
    path.write_text(request.getfixturevalue("loud"), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_quiet_and_asks_for_nothing(chromium, file, scheme):
    chromium.open(file, scheme=scheme)
    assert chromium.complaints() == []
    assert chromium.requests() == [file.as_uri()]
    assert chromium.js("document.querySelectorAll('svg').length") >= 2


def test_it_does_not_scroll_sideways_on_a_phone(chromium, file):
    chromium.open(file, width=360)
    assert chromium.js(WIDER) == []
    assert chromium.js(SIDEWAYS) is False


def test_it_says_first_what_is_wrong_and_what_to_do(loud):
    first = loud.split('<ol class="summary">')[1].split("</ol>")[0]
    assert "alarms and" in first
    assert first.index("ALARM") < 400
    assert "Look at the job that exports this table" in loud
    assert "What to do first: " in first
    assert "<script>" not in loud
    assert "<img" not in loud


def serious_faults(file):
    """What axe-core finds that is serious, in light and in dark."""
    faults = []
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = started.new_page(color_scheme=scheme, bypass_csp=True)
            page.goto(file.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            found = Axe().run(page).response["violations"]
            faults += [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        started.close()
    return faults


def test_axe_finds_no_serious_fault(file):
    # Playwright wants a thread without a loop, and another module's may still be at work in this one.
    with ThreadPoolExecutor(1) as alone:
        assert alone.submit(serious_faults, file).result() == []
