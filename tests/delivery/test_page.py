"""A rep's page as text: the same bytes for the same list, a strict policy, and data that stay data."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery import made
from propensity.delivery.contact import legible, mail_link, phone_link
from propensity.delivery.page import data_block, render_list
from propensity.delivery.reps import rep_id, rep_lists


def test_the_same_list_gives_the_same_bytes(written):
    rows = made.hostile()
    assert written(rows).read_bytes() == written(rows).read_bytes()


def test_the_policy_names_the_script_and_the_style_by_their_hash(written):
    text = written(made.plain()).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_script_makes_no_markup_of_text(written):
    text = written(made.plain()).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", text)


@settings(max_examples=50)
@given(st.lists(st.text() | st.dictionaries(st.text(), st.text(), max_size=2), max_size=4))
def test_a_data_block_comes_back_and_ends_no_element(value):
    block = data_block(value)
    assert json.loads(block) == value
    assert not set(block) & set("<>&\u2028\u2029")


@settings(max_examples=50)
@given(st.text(), st.integers(2, 50))
def test_legible_text_is_one_line_within_bounds(text, most):
    found = legible(text, most=most)
    assert len(found) <= most
    assert not set(found) & set("\n\r\t\x00\u202e\u2066\u2028")


@settings(max_examples=50)
@given(st.text() | st.from_regex(r"[\w.+-]+@[\w-]+\.[a-z]{2,5}", fullmatch=True))
def test_links_are_addresses_and_numbers_alone(text):
    mail, phone = mail_link(text), phone_link(text)
    assert mail is None or re.fullmatch(r"mailto:[A-Za-z0-9.%_+-]+@[A-Za-z0-9.-]+", mail)
    assert phone is None or re.fullmatch(r"tel:\+?[0-9]{5,17}", phone)


def test_a_name_decides_no_path():
    names = [*made.HOSTILE, "Ada", "ada"]
    ids = [rep_id(name) for name in names]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    assert len(set(ids)) == len(names)


def test_a_hostile_rep_name_is_text_on_the_page():
    name = "</title><script>x</script>"
    (one,) = rep_lists(made.listed(made.plain(1, rep=name)), made.reps(name))
    text = render_list(one, {}, made.NIGHT)
    assert name not in text
    assert "&lt;/title&gt;" in text


def test_rows_are_grouped_by_rep_in_the_reps_order():
    rows = [made.row(place, rep="BA"[place % 2], rep_rank=place // 2 + 1) for place in range(5)]
    lists = rep_lists(made.listed(rows), made.reps("A", "Idle", "B"))
    assert [(one.name, one.rows["lead_id"].to_pylist()) for one in lists] == [
        ("A", ["L0001", "L0003"]), ("Idle", []), ("B", ["L0000", "L0002", "L0004"]),
    ]  # fmt: skip
    assert lists[2].expected == sum(row["probability"] for row in rows[::2])


def test_data_without_dates_have_a_page(written):
    rows = [{**row, "follow_up_on": None, "as_of": None, "budget_on": None} for row in made.plain()]
    assert "Calls for everybody" in written(rows).read_text(encoding="utf-8")
