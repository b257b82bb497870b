import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from propensity.model.encoding import Encoder

NAN = np.nan


def frame():
    return pd.DataFrame(
        {
            "count": [1, 2, 3],
            "ratio": [0.5, None, 2.0],
            "nullable": pd.array([1, pd.NA, 3], dtype="Int64"),
            "flag": [True, False, True],
            "known": pd.array([True, pd.NA, False], dtype="boolean"),
            "text": pd.Series(["b", None, "a"], dtype="str"),
            "level": pd.Categorical(["y", "x", None]),
            "mixed": pd.Series(["1", None, pd.NA], dtype=object),
            "empty": [None, None, None],
            "void": pd.Series([None, None, None], dtype="str"),
        }
    )


EXPECTED = np.array(
    [
        [1, 0.5, 1, 1, 1, 1, 1, 0, NAN, NAN],
        [2, NAN, NAN, 0, NAN, NAN, 0, NAN, NAN, NAN],
        [3, 2, 3, 1, 0, 0, NAN, NAN, NAN, NAN],
    ]
)


def test_every_kind_of_column_and_of_null():
    encoder = Encoder.learn(frame())
    assert encoder.categories == {"text": ("a", "b"), "level": ("x", "y"), "mixed": ("1",), "void": ()}
    np.testing.assert_array_equal(encoder.encode(frame()), EXPECTED)


def test_arrow_gives_the_same_matrix_as_pandas():
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    encoder = Encoder.learn(table)
    np.testing.assert_array_equal(encoder.encode(table), EXPECTED)
    assert encoder == Encoder.learn(frame())
    np.testing.assert_array_equal(
        encoder.encode(pa.concat_tables([table, table])), np.vstack([EXPECTED, EXPECTED])
    )
    assert encoder.encode(table.slice(0, 0)).shape == (0, 10)


def test_slices_of_dictionary_columns_keep_their_codes():
    column = pa.array(["b", "a", None, "c"]).dictionary_encode()
    table = pa.table({"x": column})
    assert Encoder.learn(table).encode(table.slice(1, 3)).ravel().tolist()[::2] == [0, 2]


def test_decimals_and_dictionaries_of_text_are_read_and_of_numbers_refused():
    table = pa.table({"money": pa.array([1, None], pa.decimal128(10, 2))})
    np.testing.assert_array_equal(Encoder.learn(table).encode(table), [[1], [NAN]])
    with pytest.raises(ValueError, match="'d' holds dictionary"):
        Encoder.learn(pa.table({"d": pa.array([1, 2]).dictionary_encode()}))


def test_unseen_categories_are_missing():
    encoder = Encoder.learn(pd.DataFrame({"c": ["a", "b"]}))
    for unseen in (
        pd.DataFrame({"c": ["b", "z"]}),
        pa.table({"c": ["b", "z"]}),
        pd.DataFrame({"c": pd.Categorical(["b", "z"])}),
    ):
        np.testing.assert_array_equal(encoder.encode(unseen).ravel(), [1, NAN])


def test_a_column_of_nulls_at_prediction_is_missing_whatever_its_type():
    encoder = Encoder.learn(pd.DataFrame({"c": ["a", "b"], "n": [1.0, 2.0]}))
    for nulls in (
        pa.table({"c": pa.nulls(2), "n": pa.nulls(2)}),
        pd.DataFrame({"c": [None, None], "n": [None, None]}),
    ):
        assert np.isnan(encoder.encode(nulls)).all()


@pytest.mark.parametrize("when", [dt.date(2025, 1, 1), pd.Timestamp("2025-01-01"), dt.timedelta(1)])
def test_times_are_refused_by_name(when):
    for X in (
        pd.DataFrame({"seen": [when]}),
        pa.table({"seen": [when]}),
        pd.DataFrame({"seen": pd.Series([when], dtype=object)}),
    ):
        with pytest.raises(ValueError, match="'seen' holds"):
            Encoder.learn(X)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_by_name(value):
    encoder = Encoder.learn(pd.DataFrame({"ratio": [1.0]}))
    for X in (pd.DataFrame({"ratio": [value]}), pa.table({"ratio": [value]}), np.array([[value]])):
        with pytest.raises(ValueError, match=r"'(ratio|x0)' holds infinity"):
            encoder.encode(X)


def test_numbers_that_became_text_are_refused_by_name():
    encoder = Encoder.learn(pd.DataFrame({"n": [1.0]}))
    for X in (pd.DataFrame({"n": ["a"]}), pa.table({"n": ["a"]})):
        with pytest.raises(ValueError, match="'n' was numbers at fit"):
            encoder.encode(X)


def test_arrays_of_numbers_text_and_objects():
    assert Encoder.learn(np.ones((2, 2))).names == ("x0", "x1")
    mixed = np.array([["a", 1], [None, 2.5]], dtype=object)
    encoder = Encoder.learn(mixed)
    assert encoder.kinds == ("category", "number")
    np.testing.assert_array_equal(encoder.encode(mixed), [[0, 1], [NAN, 2.5]])
