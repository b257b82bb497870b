"""Queries of fewer and smaller SELECTs: shorter, and of the same answers. They are asked of the embedded engine here."""

from __future__ import annotations

from typing import Any

import ibis
import pyarrow as pa
import pytest
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

from propensity.engines.fusing import fused
from propensity.engines.sharing import shared


class Sharing(DuckDBCompiler):
    """The embedded engine's compiler with what Spark's has besides."""

    __slots__ = ()
    post_rewrites = (shared, *DuckDBCompiler.post_rewrites)

    def translate(self, op: Any, *, params: Any) -> Any:
        return super().translate(fused(op), params=params)


ROWS = {
    "n": list(range(6)),
    "text": ["12", " 7 ", "x", "", None, "2024"],
    "other": ["12", "b", None, "", "x", "1"],
}


@pytest.fixture
def asked(duck):
    """The answers to an expression, and how long its SQL is, without and with the rewrites."""
    table: Any = duck.register("rows", pa.table(ROWS))

    def ask(build: Any) -> tuple[int, int]:
        plain = build(table)
        answers, sizes = [], []
        for compiler in (DuckDBCompiler(), Sharing()):
            sql = compiler.to_sqlglot(plain).sql("duckdb")
            sizes.append(len(sql))
            answers.append(duck._backend.con.execute(sql).to_arrow_table().to_pylist())
        assert answers[0] == answers[1]
        assert answers[0]
        return sizes[0], sizes[1]

    return ask


def deep(value: Any, times: int = 6) -> Any:
    """Text that is made of itself, twice in each step."""
    for place in range(times):
        value = ibis.cases((value.re_search(f"^{place}"), value.upper()), else_=value + str(place))
    return value


def test_what_is_used_often_is_written_once(asked):
    before, after = asked(
        lambda t: t.select("n", a=deep(t["text"]), b=deep(t["text"]).length()).order_by("n")
    )
    assert before > 10_000
    assert after < before / 8


def test_a_small_query_stays_as_it_is(asked):
    before, after = asked(lambda t: t.select("n", a=deep(t["text"], 2)).order_by("n"))
    assert after == before


def test_conditions_and_columns_go_by_rows_of_their_own(asked):
    def build(t: Any) -> Any:
        kept = t.filter(deep(t["other"]).length() > 6)
        return kept.select("n", a=deep(kept["text"]), b=deep(kept["text"]).lower()).order_by("n")

    before, after = asked(build)
    assert after < before / 4


def test_an_order_by_something_long_is_the_same_order(asked):
    before, after = asked(lambda t: t.order_by(deep(t["text"]).desc(), "n").select("n", a=deep(t["text"])))
    assert after < before


def test_what_fails_is_not_computed_where_a_condition_spares_it(asked):
    def build(t: Any) -> Any:
        number = (t["text"].strip().lower() + "0").cast("int64")  # fails for x
        many = ibis.cases(
            *((number == place, number * place + number) for place in range(80)), else_=number * 2
        )
        fits = t["text"].re_search("^[0-9]+$")
        return t.select("n", a=ibis.cases((fits, many), else_=0), b=deep(t["text"])).order_by("n")

    before, after = asked(build)
    assert after < before


def test_a_lambda_keeps_what_it_is_given(asked):
    def build(t: Any) -> Any:
        def long(value: Any) -> Any:
            return deep(value, 5) + deep(value, 5)

        found = ibis.array([t["text"], t["other"]]).map(long)
        return t.select("n", a=found[0], b=found[1], c=deep(t["text"])).order_by("n")

    before, after = asked(build)
    assert after < before


def test_windows_and_counts_of_long_values_are_the_same(asked):
    def build(t: Any) -> Any:
        value = deep(t["text"])
        before = value.lag(1)
        over = {
            name: before.over(ibis.window(group_by=t[name].length(), order_by="n"))
            for name in ("text", "other")
        }
        seen = t.select("n", value=value, **over)
        grouped = seen.group_by("value").aggregate(rows=seen.count(), **{n: seen[n].max() for n in over})
        return grouped.order_by("value")

    before, after = asked(build)
    assert after < before / 4


def test_a_join_gives_what_is_taken_from_it(asked):
    def build(t: Any) -> Any:
        right = t.select("n", more=t["text"].length())
        joined = t.left_join(right, "n").drop("n_right")
        doubled = joined.mutate(more=joined["more"] * 2)
        again = doubled.left_join(right.select("n", last="more"), "n").drop("n_right")
        return again.mutate(both=again["more"] + again["last"]).order_by("n")

    before, after = asked(build)
    assert after < before


def test_a_join_that_two_tables_are_made_of_is_written_once(duck):
    t: Any = duck.register("rows", pa.table(ROWS))
    joined = t.left_join(t.select("n", more=t["text"]), "n")
    one, two = joined.mutate(a=joined["n"] + 1), joined.mutate(b=joined["n"] + 2)
    whole = one.left_join(two.select("n", "b"), "n").select("a", "b").order_by("a")
    sql = [compiler.to_sqlglot(whole).sql("duckdb") for compiler in (DuckDBCompiler(), Sharing())]
    assert sql[1].count("JOIN") <= sql[0].count("JOIN")
    answers = [duck._backend.con.execute(one).to_arrow_table() for one in sql]
    assert answers[0].to_pylist() == answers[1].to_pylist()


def test_what_a_join_computes_is_not_written_twice(asked):
    def build(t: Any) -> Any:
        right = t.select(place="n", more="other")
        joined = t.left_join(right, t["n"] == right["place"])
        once = joined.select("n", made=deep(joined["text"], 4) + joined["more"].fill_null("-"))
        return once.mutate(twice=once["made"] + once["made"]).order_by("n")

    before, after = asked(build)
    assert after < before * 1.2
