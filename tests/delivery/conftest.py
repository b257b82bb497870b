"""What tests of delivered files share: a browser, and pages from rows made by hand."""

from __future__ import annotations

import shutil
from collections import defaultdict
from contextlib import contextmanager

import pytest

from delivery import made
from propensity.delivery.page import render_list
from propensity.delivery.reps import rep_lists

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-extensions", "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium, driven by Playwright."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright here: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Open a file at a width; gives the page, which has `said` (console, errors) and `asked` (addresses)."""

    @contextmanager
    def at(path, *, width=1440, scheme="light", before=None):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        if before is not None:
            page.add_init_script(before)
        page.goto(path.as_uri())
        yield page
        context.close()

    return at


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Write the page of a list made of rows; gives its path."""

    def write(rows, *, acts=(), reps=None, **columns):
        (one,) = rep_lists(made.listed(rows, **columns), reps or made.everybody())
        by_lead = defaultdict(list)
        for act in acts:
            by_lead[act["lead_id"]].append(act)
        path = tmp_path_factory.mktemp("list") / "list.html"
        path.write_text(render_list(one, by_lead, made.NIGHT), encoding="utf-8")
        return path

    return write
