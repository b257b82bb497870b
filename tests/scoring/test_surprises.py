"""What scoring meets that training never saw is said, once, with counts."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

from propensity.scoring.surprises import Surprises

FILLED = {"source": 0.9, "size": 0.5, "never": 0.0}


def bundle(filled=FILLED):
    return SimpleNamespace(
        names=("source", "size", "never"),
        categories={"source": ("ad", "web")},
        metadata={"data": {"filled": filled}},
    )


def seen(*batches, **more):
    surprises = Surprises(bundle(**more))
    for source, size in batches:
        surprises.see(
            pa.table(
                {
                    "source": pa.array(source, pa.string()),
                    "size": pa.array(size, pa.float64()),
                    "never": pa.nulls(len(size), pa.float64()),
                }
            )
        )
    return surprises


def test_a_column_without_a_value_is_named_where_training_had_some():
    found = seen((["ad", None], [None, None]), (["web"], [None]))
    assert found.empty == ("size",)
    (said,) = found.warnings(max_share=0.01)
    assert said.startswith("size is null for all 3 leads, but was known for 50.0 % of the snapshots")


def test_many_empty_columns_are_one_sentence():
    names = tuple(f"acts_{place}" for place in range(12))
    model = SimpleNamespace(
        names=names, categories={}, metadata={"data": {"filled": dict.fromkeys(names, 0.5)}}
    )
    found = Surprises(model)
    found.see(pa.table({name: pa.nulls(2, pa.float64()) for name in names}))
    (said,) = found.warnings(max_share=0.01)
    assert said.startswith("12 features are null for all 2 leads")
    assert "acts_0, acts_1, acts_2, acts_3, acts_4 and 7 more. Check the table" in said


def test_one_value_in_any_batch_is_enough():
    assert seen((["ad"], [None]), (["ad"], [1.0])).empty == ()


def test_new_values_are_counted_over_all_batches():
    found = seen((["ad", *["fair"] * 4, None], [1.0] * 6), (["fair", "expo"], [1.0, 1.0]))
    assert found.new == {"source": {"expo": 1, "fair": 5}}
    (said,) = found.warnings(max_share=0.5)
    assert "for 6 of 7 leads, and takes them as unknown: 'fair' (5) and 1 more." in said


def test_what_few_leads_share_may_be_a_name_and_is_only_counted():
    (said,) = seen((["Ada", "Bob", "Bob"], [1.0] * 3)).warnings(max_share=0)
    assert "for 3 of 3 leads, and takes them as unknown: 2 that few leads share. Map the words" in said


def test_a_column_of_which_nothing_was_learned_is_no_surprise():
    surprises = Surprises(SimpleNamespace(names=("mentor",), categories={"mentor": ()}, metadata={}))
    surprises.see(pa.table({"mentor": ["Ada"] * 9}))
    assert surprises.warnings(max_share=0) == ()


def test_few_new_values_are_kept_but_give_no_warning():
    found = seen((["ad"] * 99 + ["fair"], [1.0] * 100))
    assert found.new == {"source": {"fair": 1}}
    assert found.warnings(max_share=0.01) == ()
    assert len(found.warnings(max_share=0.009)) == 1


@pytest.mark.parametrize("filled", [{}, FILLED])
def test_no_lead_at_all_surprises_nobody(filled):
    assert seen(filled=filled).warnings(max_share=0.0) == ()
