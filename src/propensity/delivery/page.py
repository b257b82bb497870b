"""A rep's list as one HTML file: opens from disk, asks for nothing from outside, and works on a phone and on paper.

The leads lie in the page as a block of JSON in which nothing can end the block; the script builds what is seen from it, as
text and never as markup. A Content-Security-Policy names the one script and the one style sheet by their hash. The same
list gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from propensity.delivery.contact import legible
from propensity.delivery.view import Night, Row, day_words, lead_view

if TYPE_CHECKING:
    from markupsafe import Markup

    from propensity.delivery.reps import RepList

OUTCOMES: Final = (
    ("reached", "Reached"), ("qualified", "Qualified"), ("not_now", "Not now"), ("wrong_person", "Wrong person"),
    ("do_not_call", "Do not call"),
)  # fmt: skip
"""What a rep may say came of it: the word of the feedback file, and the word on the page."""
FEEDBACK_HEADER: Final = ("lead_id", "list_as_of", "rep", "outcome", "reported_on", "note")
"""The columns of the file that the page exports and `propensity feedback` reads."""
_AT_ONCE: Final = 500
"""Leads that are held as objects."""
_MARKS: Final = {
    ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029",
}  # fmt: skip


def data_block(value: Any) -> str:
    r"""JSON that may stand in a script element: nothing in it ends the element or begins a comment.

    >>> data_block(["</script>", "\u2028"])
    '["\\u003c/script\\u003e","\\u2028"]'
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.translate(_MARKS)


def render_list(one: RepList, acts: Mapping[str, Sequence[Row]], night: Night) -> str:
    """The page of one rep.

    Parameters
    ----------
    one
        The rep and the rows.
    acts
        Per lead what it did lately, newest first.
    night
        What holds for all lists.
    """
    from markupsafe import Markup  # noqa: PLC0415

    leads, actions = list[str](), list[str | None]()
    for batch in one.rows.to_batches(max_chunksize=_AT_ONCE):
        for row in batch.to_pylist():
            lead = lead_view(row, acts.get(row["lead_id"], ()), night)
            actions.append(lead["action"])
            leads.append(data_block(lead))
    head = data_block(
        {
            # Outcomes are kept under it: the same night made again finds them, another night or rep does not.
            "key": f"{night.instant or 'undated'}/{one.rep_id}",
            "file": f"feedback-{night.day or 'list'}-{one.rep_id}.csv",
            "asOf": night.instant,
            "rep": one.name,
            "header": FEEDBACK_HEADER,
            "outcomes": OUTCOMES,
            "today": None if night.day is None else night.day.isoformat(),
        }
    )
    # Each lead became text of its own: all of them as objects take several times the memory of the page.
    data = f'{head.removesuffix("}")},"leads":[{",".join(leads)}]}}'
    return rendered(
        "list.html",
        styles=("base.css", "list.css"),
        script="list.js",
        data=Markup(data),  # noqa: S704 - made harmless by data_block
        name=None if one.name is None else legible(one.name),
        day=day_words(night.day),
        listed=f"{one.rows.num_rows:,}",
        expected=f"{one.expected:,.1f}",
        tiers=list(one.tiers()),
        actions=[(word, f"{count:,}") for word, count in _in_order(actions)],
        rep_id=one.rep_id,
        model=legible(night.model),
    )


def rendered(template: str, *, styles: Sequence[str], script: str | None = None, **facts: Any) -> str:
    """A template of this room with its style sheets and its script in it, each named by its hash.

    Everything else is escaped.
    """
    environment = _environment()
    style = _source(tuple(styles))
    code = None if script is None else _source((script,))
    return str(
        environment.get_template(template).render(
            style=style,
            style_hash=_hash(style),
            script=code,
            script_hash=None if code is None else _hash(code),
            **facts,
        )
    )


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=PackageLoader("propensity.delivery", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


@cache
def _source(names: tuple[str, ...]) -> Markup:
    from markupsafe import Markup  # noqa: PLC0415

    environment = _environment()
    # Our own files, hashed as they stand between the tags: escaping would change both.
    return Markup("\n".join(environment.loader.get_source(environment, name)[0] for name in names))  # noqa: S704


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _in_order(words: Iterable[str | None]) -> list[tuple[str, int]]:
    """Words with how often they come, the most frequent first."""
    counts: dict[str, int] = {}
    for word in words:
        if word is not None:
            counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda found: (-found[1], found[0]))
