"""What a notebook shows of each step: words that help, escaped, in the page's own colours."""

from __future__ import annotations

import base64
import csv
import re
import shutil
from html.parser import HTMLParser

import pytest

import propensity as pp
from conftest import small_config

STEPS = ("crm", "spine", "data", "model", "report", "scored", "calls")
PLANTED = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's signature
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("crm", ["data through 2026-06-01", "leads", "set aside", "warning: accounts"]),
        ("spine", ["snapshots from 2024-07 to 2026-04", "convert within 30 days"]),
        ("data", ["143 features", "as_of 2024-07-01 to 2026-04-01"]),
        (
            "model",
            ["PropensityClassifier(max_trees=60): ", "forward recipe", "learned from as_of 2024-07-01"],
        ),
        ("report", ["conversions", "roc_auc", " to ", "calibration_slope"]),
        ("scored", ["leads scored as of 2026-06-01 00:00 UTC", "tiers A"]),
        ("calls", ["20 leads to call", "already converted", "   1 L", "and 10 more"]),
    ],
)
def test_a_repr_says_what_it_is_in_a_few_lines(request, step, words):
    shown = repr(request.getfixturevalue(step))
    assert [word for word in words if word not in shown] == []
    assert len(shown.splitlines()) <= 20


@pytest.mark.parametrize("step", [step for step in STEPS if step != "model"])
def test_html_takes_its_colours_from_the_page(request, step):
    html = request.getfixturevalue(step)._repr_html_()
    assert "table" in Page(html).tags
    assert not re.search(r"color|background|<style|<link|https?:", re.sub(r"base64,[^\"]+", "", html))


def test_the_models_html_says_what_it_learned(model):
    html = model._repr_html_()
    assert "forward recipe" in Page(html).text
    assert model._repr_mimebundle_()["text/html"].count("forward recipe") >= 1
    assert "forward recipe" not in pp.PropensityClassifier()._repr_html_()


def test_a_report_holds_its_plots_and_an_interval_for_each_metric(report):
    html = report._repr_html_()
    (png,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert base64.b64decode(png).startswith(b"\x89PNG")
    assert re.search(r'alt="[^"]{20,}"', html)
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    with_interval = [row for row in rows if re.search(r"\d to \d", row)]
    assert len(with_interval) == len(report.evaluation.metrics)
    assert [axes.get_title() for axes in report.plot().axes] == [
        "Gains on the forward test",
        "Reliability on the forward test",
    ]


def test_a_registered_model_does_not_show_its_trees(scored):
    assert re.fullmatch(r"Bundle: \d+ trees on 143 features, .*", repr(scored.bundle))


def test_names_from_a_web_form_stay_words(small_world, tmp_path, model):
    world = tmp_path / "world"
    shutil.copytree(small_world, world)
    for file, columns in {
        "leads.csv": ["contact_name", "title", "source"],
        "accounts.csv": ["name", "industry"],
    }.items():
        with (world / file).open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        with (world / file).open("w", newline="", encoding="utf-8") as opened:
            # A column of that name is spoken of as one that nothing reads.
            writer = csv.DictWriter(opened, [*rows[0], PLANTED], restval="")
            writer.writeheader()
            writer.writerows({**row, **dict.fromkeys(columns, PLANTED)} for row in rows)
    with pp.connect(small_config(world, tmp_path)) as crm:
        scored = pp.score(model, crm)
        for shown in (crm, scored, pp.rank(scored)):
            page = Page(shown._repr_html_())
            assert "script" not in page.tags
            assert PLANTED in page.text or shown is scored
