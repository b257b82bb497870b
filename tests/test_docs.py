"""What the docs say is what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from propensity.config.file import load_config

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(generator().PAGES))
def test_generated_pages_are_what_the_code_gives(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generator().PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


SHOWN = [(page, place) for page in PAGES for place, _ in enumerate(blocks(page, "yaml"))]


@pytest.mark.parametrize(
    ("page", "place"), SHOWN, ids=lambda part: part.name if isinstance(part, Path) else str(part)
)
def test_configurations_on_the_pages_are_valid(page, place, tmp_path):
    text = blocks(page, "yaml")[place]
    whole = text if "tables:" in text else f"tables: {{leads: {{path: leads.csv}}}}\n{text}"
    (tmp_path / "page.yaml").write_text(whole, encoding="utf-8")
    assert "leads" in load_config(tmp_path / "page.yaml").tables


def test_every_feature_that_ships_is_found_on_its_page():
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    found = re.findall(r"`((?:firmographic|budget|engagement)_\w+)`", page)
    assert len(set(found)) > 140
    assert {"engagement_pricing_view_count_90d", "budget_days_to_fiscal_year_end"} <= set(found)
