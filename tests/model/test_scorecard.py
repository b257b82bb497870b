import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

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


def test_points_add_up_and_nulls_give_none():
    assert CARD.score(FRAME).tolist() == [15, -1, 4]
    assert CARD.score(pa.Table.from_pandas(FRAME, preserve_index=False)).tolist() == [15, -1, 4]


def test_rules_on_absent_features_are_named():
    assert CARD.skipped(FRAME.columns) == ("absent",)
    assert len(DEFAULT.skipped([])) == len({r.feature for r in DEFAULT.rules})
    assert DEFAULT.skipped(r.feature for r in DEFAULT.rules) == ()


def test_points_become_probabilities_that_never_fall():
    rng = np.random.default_rng(0)
    table = pa.table({"views": rng.integers(0, 5, 500)})
    y = (rng.random(500) < np.where(table["views"].to_numpy() >= 2, 0.4, 0.1)).astype(int)
    fitted = CARD.fit(table, y)
    p = fitted.probability(pa.table({"views": [0, 1, 2]}))
    assert p[0] < p[1] < p[2] == pytest.approx(0.4, abs=0.07)
    assert fitted.skipped == ("source", "country", "budget", "absent")


def test_a_scorecard_that_matches_nothing_gives_the_base_rate():
    p = CARD.fit(pa.table({"other": [0] * 200}), [0, 0, 0, 1] * 50).probability(pa.table({"other": [1]}))
    assert p[0] == pytest.approx(0.25, abs=0.01)


def test_json_round_trip():
    assert Scorecard.from_dict(CARD.to_dict()) == CARD


@pytest.mark.parametrize(("op", "value"), [("~", 1), (">=", "many"), ("<=", True), ("in", "DE")])
def test_a_rule_that_cannot_be_is_refused(op, value):
    with pytest.raises(ValueError, match="Rule on 'views'"):
        Rule("views", op, value, 1)
