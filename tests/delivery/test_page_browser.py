"""A rep's page in headless Chromium: quiet, fast, usable by keyboard and on paper, and it keeps what is marked."""

from __future__ import annotations

import csv
import io
import re
import zlib

import pytest

from delivery import made

SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
SEEN = ".lead:visible"


@pytest.fixture(scope="module")
def plain(written):
    acts = [
        made.act("L0001", "asked for a demo"),
        made.act("L0001", "was sent an e-mail", 9, "outbound", times=3),
    ]
    trend = {
        "trend": ["declining", *[None] * 11], "previous_probability": [0.6, *[None] * 11],
        "previous_as_of": [made.AS_OF.replace(month=5), *[None] * 11], "changed": ["The budget was lowered.", *[None] * 11],
        "change_by_facts": [-0.08, *[None] * 11], "change_by_time": [-0.02, *[None] * 11],
        "change_by_model": [0.0, *[None] * 11], "question": ["Do they have the budget?", *[None] * 11],
        "question_about": ["budget", *[None] * 11], "question_verdict_if_met": ["prospect", *[None] * 11],
        "question_verdict_if_not": ["no prospect", *[None] * 11], "question_probability_if_met": [0.6, *[None] * 11],
        "question_probability_if_not": [0.1, *[None] * 11],
    }  # fmt: skip
    return written(made.plain(12, rep="Ada"), acts=acts, reps=made.reps("Ada"), **trend)


@pytest.fixture(scope="module")
def hostile(written):
    rows = made.hostile(rep="Ada")
    return written(rows, acts=[made.act(r["lead_id"], r["company"]) for r in rows], reps=made.reps("Ada"))


def test_it_opens_from_disk_and_asks_for_nothing(opened, plain):
    with opened(plain) as page:
        assert page.locator(SEEN).count() == 12
        page.locator(".name").first.click()
        assert page.said == []
        assert page.asked == [plain.as_uri()]


def test_a_lead_opens_in_place_with_everything(opened, plain):
    with opened(plain) as page:
        page.locator(".name").nth(0).click()
        told = page.locator(".body").first.inner_text()
        for words in (
            "On 2026-05-15 asked 0.", "Ask: Do they have the budget?", "If so: prospect, 60.0 %", "If not: no prospect, 10.0 %",
            "can be acted on", "met: stated 7,737", "(2026-03-12)", "from 60.0 % on 2026-05-01 to 50.0 %",
            "The budget was lowered.", "\u22128.0 points", "no change", "7,750 EUR", "phone, which they answer",
            "95 % interval 20.0 % to 60.0 %; enough evidence",
        ):  # fmt: skip
            assert words in told, words
        page.locator(".name").nth(1).click()
        lately = page.locator(".acts").last.inner_text()
        assert re.search(r"They:\s+asked for a demo\s+2026-05-29 \u00b7 web chat \u00b7 3 days ago", lately)
        assert re.search(r"We:\s+was sent an e-mail \(3 times\)", lately)
        assert "Since the last list" not in page.locator(".body").nth(1).text_content()


def test_every_day_on_the_page_is_told_in_one_style(opened, plain):
    with opened(plain) as page:
        page.evaluate("document.querySelectorAll('.name').forEach(name => name.click())")
        told = f"{page.title()} {page.locator('body').inner_text()}"
        assert "Mon 2026-06-01" in told
        assert "follow up Thu 2026-06-04" in told
        months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
        assert not re.search(rf"\b\d{{1,2}} ({months})|\b({months})\w* \d", told)


def test_links_are_for_mail_and_telephone(opened, plain):
    with opened(plain) as page:
        links = page.locator(".touch a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert links[:2] == ["tel:+49301234000", "mailto:ada0@example.org"]
        assert len(links) == 24


def test_search_filters_and_sorting(opened, plain):
    with opened(plain) as page:
        page.get_by_label("Search").fill("COMPANY ada3@")
        assert page.locator(SEEN).count() == 1
        page.get_by_role("button", name="Clear filters").click()
        page.get_by_role("button", name="Tier A").click()
        page.get_by_role("button", name="Tier B").click()
        assert page.locator("#count").inner_text() == "6 of 12 leads"
        page.get_by_label("Next action").select_option("reply")
        assert page.locator(SEEN).count() == 3
        page.get_by_label("Search").fill("nobody at all")
        assert "No lead fits" in page.locator("#none").inner_text()
        page.get_by_role("button", name="Clear filters").click()
        page.get_by_label("Sort by").select_option("on")
        assert page.locator(".rank").all_inner_texts()[:4] == ["1", "6", "11", "2"]


def test_five_hundred_rows_are_filtered_at_once(opened, written, record_property):
    path = written(made.plain(500))
    timed = """() => {
      const box = document.getElementById("search");
      const spans = [];
      for (const word of ["a", "ad", "ada no 4", "", "company 3", "zzz", ""]) {
        const start = performance.now();
        box.value = word;
        box.dispatchEvent(new Event("input"));
        document.body.getBoundingClientRect();
        spans.push(performance.now() - start);
      }
      return spans;
    }"""
    with opened(path) as page:
        spans = page.evaluate(timed)
        assert page.locator(SEEN).count() == 500
    record_property("filter_500_rows_ms", spans)
    assert sorted(spans)[len(spans) // 2] < 500


def test_a_long_list_is_counted_with_commas(opened, written):
    with opened(written(made.plain(1_200))) as page:
        assert page.locator("#count").inner_text() == "1,200 leads"
        page.get_by_role("button", name="Tier A").click()
        assert page.locator("#count").inner_text() == "300 of 1,200 leads"
        assert "1,200 leads" in page.locator("header").inner_text()


def test_an_outcome_survives_a_reload_and_is_exported(opened, plain, tmp_path):
    with opened(plain) as page:
        page.locator(".name").nth(2).click()
        page.get_by_role("button", name="Not now", exact=True).click()
        page.get_by_label("Note").fill('=1+1, said "later"\nnext year')
        page.reload()
        assert page.locator("#progress").inner_text() == "1 of 12 marked"
        page.get_by_label("Show").select_option("done")
        assert page.locator(SEEN).count() == 1
        page.locator(".name:visible").click()
        pressed = page.locator(".mark[aria-pressed=true]")
        assert pressed.all_inner_texts() == ["Not now"]
        with page.expect_download() as download:
            page.get_by_role("button", name="Export outcomes").click()
        download.value.save_as(tmp_path / "feedback.csv")
        assert re.fullmatch(r"feedback-2026-06-01-[0-9a-f]{16}\.csv", download.value.suggested_filename)
        pressed.click()
        assert page.locator("#dock").is_hidden()
    content = (tmp_path / "feedback.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbflead_id,list_as_of,rep,outcome,reported_on,note\r\n")
    (found,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("reported_on"))
    assert found == {
        "lead_id": "L0002", "list_as_of": "2026-06-01T00:00:00Z", "rep": "Ada", "outcome": "not_now",
        "note": '\'=1+1, said "later"\nnext year',
    }  # fmt: skip


def test_outcomes_of_another_list_are_not_shown(opened, plain, written):
    other = written(made.plain(12, rep="Bo"), reps=made.reps("Bo"))
    with opened(plain) as page:
        page.locator(".name").first.click()
        page.get_by_role("button", name="Reached").click()
        page.goto(other.as_uri())
        assert page.locator("#progress").inner_text() == "Nothing marked yet"


def test_who_asked_not_to_be_called_loses_the_links_at_once(opened, plain):
    with opened(plain) as page:
        row = page.locator(".lead").first
        row.locator(".name").click()
        row.get_by_role("button", name="Do not call").click()
        assert row.locator("a").count() == 0
        assert row.locator(".touch").inner_text() == "Do not call"


def test_without_storage_it_works_and_says_so(opened, plain):
    with opened(plain, before=NO_STORAGE) as page:
        assert page.locator("#unkept").is_visible()
        page.locator(".name").first.click()
        page.get_by_role("button", name="Qualified").click()
        assert "Not kept" in page.locator(".hint").inner_text()
        with page.expect_download():
            page.get_by_role("button", name="Export outcomes").click()
        assert page.said == []


def test_what_somebody_else_left_in_the_storage_does_no_harm(opened, plain):
    broken = (
        "for (const key of ['2026-06-01T00:00:00Z']) localStorage.setItem('propensity.outcomes/' + key, '{');"
    )
    odd = 'Object.defineProperty(Storage.prototype, \'getItem\', {value: () => \'[[1,2],["L0000",{"outcome":"<b>"}],null]\'});'
    with opened(plain, before=broken + odd) as page:
        assert page.locator(SEEN).count() == 12
        assert page.said == []


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("page_of", ["plain", "hostile"])
def test_it_does_not_scroll_sideways(opened, request, page_of, width):
    with opened(request.getfixturevalue(page_of), width=width) as page:
        assert page.evaluate(SIDEWAYS) is False
        for name in page.locator(".name").all():
            name.evaluate("button => button.click()")
        if width == 360:
            page.get_by_role("button", name="Filter, sort").click()
        assert page.evaluate(SIDEWAYS) is False
        wide = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
        assert page.locator("#leads *:not(.unseen)").evaluate_all(wide) == []


@pytest.mark.parametrize("width", [320, 400, 500, 1440])
def test_a_number_and_an_address_are_shown_whole(opened, written, width):
    rows = [
        made.row(0, phone="+1-744-555-0123", email="ida.klein@voss-industries.example"),
        made.row(1, phone="+49 (0)30 1234 5678 9012", email=f"{'very.' * 12}long@{'sub.' * 12}example.org"),
    ]
    # What does not fit is neither clipped nor covered with an ellipsis: all of the text lies within its button.
    cut = """all => all.filter(e => {
      const text = e.querySelector("bdi"), range = document.createRange();
      range.selectNodeContents(text);
      const [inner, box] = [range.getBoundingClientRect(), e.getBoundingClientRect()];
      return text.scrollWidth > text.clientWidth && getComputedStyle(text).display !== "inline"
        || e.scrollWidth > e.clientWidth || inner.right > box.right || inner.bottom > box.bottom;
    }).map(e => e.textContent)"""
    with opened(written(rows), width=width) as page:
        buttons = page.locator(".touch a")
        assert buttons.count() == 4
        assert buttons.evaluate_all(cut) == []
        # A number that is broken over lines is easily misread.
        assert (
            page.get_by_role("link", name="Call +1-744-555-0123").evaluate(
                "e => e.getBoundingClientRect().height"
            )
            < 48
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, plain, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python here")
    with opened(plain, scheme=scheme) as page:
        page.locator(".name").nth(0).click()
        page.locator(".name").nth(1).click()
        page.get_by_role("button", name="Reached").first.click()
        page.get_by_role("button", name="Do not call").last.click()
        found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []


def test_it_is_worked_by_keyboard_alone(opened, plain):
    with opened(plain) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the list"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "name"
        page.keyboard.press("Enter")
        assert page.locator(".body").first.is_visible()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.outcome") == "qualified":
                break
        page.keyboard.press("Space")
        assert page.locator(".mark[aria-pressed=true]").all_inner_texts() == ["Qualified"]
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid"


def test_every_row_is_printed(opened, written):
    path = written(made.plain(200))
    with opened(path) as page:
        pdf = page.pdf(format="A4")
        page.emulate_media(media="print")
        assert page.locator(SEEN).count() == 200
        assert page.locator(".sheet:visible").count() == 200
        assert not page.locator(".tools").is_visible()
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf + b"".join(_streams(pdf))))
    assert pages > 10


def _streams(pdf):
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(match.group(1))
        except zlib.error:
            continue


def test_hostile_text_is_shown_and_does_not_run(opened, hostile):
    with opened(hostile) as page:
        for name in page.locator(".name").all():
            name.evaluate("button => button.click()")
        assert page.evaluate("window.ran") is None
        assert page.said == []
        assert page.locator("#leads script, #leads img").count() == 0
        shown = page.locator("#leads").inner_text()
        for text in ('=HYPERLINK("http://evil.example","x")', "<script>window.ran = 1</script>", '"; DROP TABLE leads; --',
                     "../../etc/passwd", "<img src=x onerror=window.ran=1>", "&amp;&lt;b&gt;", "two lines and tabs sep",
                     "{{ 7*7 }} {% raw %}", "\U0001f468\u200d\U0001f469\u200d\U0001f467"):  # fmt: skip
            assert text in shown, text
        assert "\u202e" not in shown
        links = page.locator("#leads a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert links == []


def test_a_list_of_nobody_says_so(opened, written):
    with opened(written([])) as page:
        assert "nobody to call" in page.locator("#none").inner_text()
        assert page.said == []
