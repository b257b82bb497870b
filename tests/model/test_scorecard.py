import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from propensity.model.cores import Points
from propensity.model.cores.points import knowing
from propensity.model.encoding import Encoder
from propensity.model.scorecard import DEFAULT, Rule, Scorecard

CARD = Scorecard(
    (
        Rule("views", ">=", 2, 10),
        Rule("views", "<=", 0, -5),
        Rule("source", "==", "web", 3),
        Rule("country", "in", ("DE", "FR"), 2),
        Rule("budget", "known", None, 4),
        Rule("absent", ">=", 1, 100),
    )
)
FRAME = pd.DataFrame(
    {
        "views": [3, 0, None],
        "source": ["web", "fair", None],
        "country": pd.Categorical(["FR", None, "US"]),
        "budget": pd.array([pd.NA, 0, 5], dtype="Int64"),
    }
)


def points(card, frame):
    encoder = knowing(Encoder.learn(frame), card)
    return Points.of(card, encoder).points(encoder.encode(frame)).sum(axis=1).tolist()


def test_points_add_up_and_nulls_give_none():
    assert points(CARD, FRAME) == [15, -1, 4]
    assert points(CARD, pa.Table.from_pandas(FRAME, preserve_index=False)) == [15, -1, 4]


def test_points_for_each_unit_fade_with_a_decayed_feature_and_end_at_the_cap():
    card = Scorecard((Rule("activity_decayed_7d", "per", 3, 5),))
    assert points(card, pd.DataFrame({"activity_decayed_7d": [0.0, 0.5, 2.0, 9.0, None]})) == [
        0,
        2.5,
        10,
        15,
        0,
    ]


def test_so_many_points_double_the_odds():
    card = Scorecard((Rule("views", ">=", 1, 10),), points_to_double_odds=5)
    encoder = Encoder.learn(pd.DataFrame({"views": [0, 1]}))
    margin = Points.of(card, encoder).margin(encoder.encode(pd.DataFrame({"views": [0, 1]})))
    assert np.exp(margin) == pytest.approx([1, 4])


def test_a_value_that_no_lead_had_yet_gives_its_points_to_the_first_that_has_it():
    card = Scorecard((Rule("source", "==", "referral", 7),))
    encoder = knowing(Encoder.learn(pd.DataFrame({"source": ["web", "fair"]})), card)
    assert encoder.categories["source"] == ("fair", "web", "referral")
    later = encoder.encode(pd.DataFrame({"source": ["referral", "web"]}))
    assert Points.of(card, encoder).points(later)[:, 0].tolist() == [7, 0]


def test_rules_on_absent_features_are_named():
    assert CARD.skipped(FRAME.columns) == ("absent",)
    assert len(DEFAULT.skipped([])) == len({r.feature for r in DEFAULT.rules})
    assert DEFAULT.skipped(r.feature for r in DEFAULT.rules) == ()


def test_json_round_trip():
    found = json.loads(json.dumps(CARD.to_dict()))
    assert Scorecard.from_dict(found) == CARD


@pytest.mark.parametrize(
    ("op", "value"), [("~", 1), (">=", "many"), ("<=", True), ("in", "DE"), ("per", None)]
)
def test_a_rule_that_cannot_be_is_refused(op, value):
    with pytest.raises(ValueError, match="Rule on 'views'"):
        Rule("views", op, value, 1)


@pytest.mark.parametrize("rule", [Rule("source", ">=", 1, 1), Rule("views", "==", "many", 1)])
def test_text_and_numbers_do_not_compare(rule):
    with pytest.raises(ValueError, match="text"):
        Points.of(Scorecard((rule,)), Encoder.learn(FRAME))
