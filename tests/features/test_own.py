"""Features of the data scientist's own: the documented example works, looks at nothing ahead, and mistakes are named."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from oracles import worlds
from oracles.bench import open_world, rows_of
from oracles.demo import CONFIG, demo_settings
from oracles.nasty import AS_OF, TREE, nasty_world
from propensity.config.file import load_config, parse_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.errors import ConfigError
from propensity.features.catalogue import feature_specs, parameters
from propensity.features.frame import features_of
from propensity.sources.canonical import load
from propensity.timeline.snapshots import scoring_spine, training_spine

PAGE = Path(__file__).parents[2] / "docs" / "own-features.md"
DAY = worlds.DAY


def example() -> str:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return block


@pytest.fixture(scope="module")
def documented(small_world, tmp_path_factory):
    """The demo's small world with the documented file, named relative to the folder of a YAML file."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_features.py").write_text(example(), encoding="utf-8")
    (folder / "own.yaml").write_text(CONFIG.read_text(encoding="utf-8"), encoding="utf-8")
    settings = [
        *demo_settings(small_world, folder / "quarantine"),
        f"features.own=[{folder / 'my_features.py'}]",
    ]
    config = load_config(folder / "own.yaml", settings)
    canonical = load(DuckDBEngine(memory_gb=1, threads=1), config)
    yield canonical
    canonical.engine.close()


def test_the_documented_example_gives_what_it_says(documented):
    through = documented.config.data.through
    query = features_of(documented, training_spine(documented, through))
    rows = rows_of(query)
    acts = documented.engine.collect(documented.tables["activities"]).to_pylist()
    by_lead: dict[str, list] = {}
    for act in acts:
        by_lead.setdefault(act["lead_id"], []).append(act)
    assert any(row["engagement_long_call_count_90d"] for row in rows)
    for row in rows:
        known = [
            act
            for act in by_lead.get(row["lead_id"], [])
            if act["occurred_at"] < row["as_of"] and act["recorded_at"] < row["as_of"]
        ]
        recent = [a for a in known if a["type"] == "call" and row["as_of"] - a["occurred_at"] <= 90 * DAY]
        long = sum(act["value"] is not None and act["value"] >= 15 for act in recent)
        channels = len({act["channel"] for act in known} - {None})
        people = row["firmographic_employee_count"]
        size = None if people is None else "large" if people >= 250 else "medium" if people >= 50 else "small"
        assert row["engagement_long_call_count_90d"] == long
        assert row["engagement_channel_count"] == (channels if known else None)
        assert row["firmographic_size_class"] == size
        assert row["engagement_long_call_share"] == (long / len(recent) if recent else None)
    assert [feature.name for feature in query.features][-4:] == [
        "engagement_long_call_count_90d",
        "engagement_channel_count",
        "firmographic_size_class",
        "engagement_long_call_share",
    ]


def opened(folder: Path, code: str, **tree):
    (folder / "mine.py").write_text(code, encoding="utf-8")
    return open_world(nasty_world(), {**TREE, "features": {"own": [str(folder / "mine.py")], **tree}}, folder)


def declared(expression: str, **more: str) -> str:
    parts = {
        "name": "'engagement_mine'", "family": "'engagement'", "concept": "'mine'", "unit": "''", "sentence": "'{value}'",
        "over": "'activities'", "expression": f"lambda t: {expression}", **more,
    }  # fmt: skip
    return (
        "from propensity import Feature\nmine = Feature(\n"
        + "".join(f"    {k}={v},\n" for k, v in parts.items())
        + ")\n"
    )


def scored(canonical, as_of=AS_OF):
    rows = rows_of(features_of(canonical, scoring_spine(canonical, as_of)))
    return {row["lead_id"]: row["engagement_mine"] for row in rows}


def test_a_feature_of_ones_own_sees_nothing_at_or_after_as_of(tmp_path):
    canonical = opened(tmp_path, declared("t['type'].count()", empty="0"))
    try:
        found = scored(canonical)
    finally:
        canonical.engine.close()
    # Of the four acts of T01, three happen or are recorded at as_of.
    assert (found["T01"], found["T00"], found["quiet"]) == (1.0, 10.0, 0.0)


@pytest.mark.parametrize("over", ["attributes", "features"])
def test_the_label_is_not_there_to_be_read(tmp_path, over):
    canonical = opened(tmp_path, declared("t['label']", over=repr(over)))
    try:
        with pytest.raises(ConfigError, match="label"):
            features_of(canonical, training_spine(canonical, canonical.config.data.through))
    finally:
        canonical.engine.close()


def test_several_in_a_list_each_count_and_later_ones_may_use_earlier_ones(tmp_path):
    code = (
        "from propensity import Feature\n"
        "def of(days):\n"
        "    return Feature(f'engagement_mine_{days}d', 'engagement', 'mine', '', '{value}', 'activities',\n"
        "        lambda t: t.count(where=t['age_us'] <= days * 86_400_000_000), empty=0)\n"
        "counts = [of(days) for days in (1, 30)]\n"
        "mine = Feature('engagement_mine', 'engagement', 'mine', '', '{value}', 'features',\n"
        "    lambda t: t['engagement_mine_30d'] - t['engagement_mine_1d'])\n"
        "again = Feature('engagement_mine_twice', 'engagement', 'mine', '', '{value}', 'features',\n"
        "    lambda t: 2 * t['engagement_mine'])\n"
    )
    canonical = opened(tmp_path, code)
    try:
        assert scored(canonical)["T00"] == 4.0
    finally:
        canonical.engine.close()


MISTAKES = {
    "syntax": ("from propensity import Feature\nmine = = 1\n", "mine.py, line 2: invalid syntax"),
    "fails to run": ("x = 1\ny = x / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero"),
    "wants to leave": ("raise SystemExit(3)\n", "mine.py, line 1: SystemExit"),
    "a missing part": ("from propensity import Feature\nmine = Feature(name='a_b')\n", "mine.py, line 2: TypeError"),
    "nothing declared": ("x = 1\n", "declares no feature"),
    "a wrong table": (declared("1", over="'actvities'"), "over is 'actvities'; there are attributes, activities"),
    "a wrong family": (declared("1", family="'mine'"), "family is 'mine'; there are firmographic"),
    "a wrong name": (declared("1", name="'Mine'"), "begin with engagement_"),
    "no sentence": (declared("1", sentence="None"), "concept, unit, sentence, null_when and zero are texts"),
    "a wrong column": (declared("t['ocurred_at'].count()"), "line 9: feature 'engagement_mine': the expression fails: "),
    "what python refuses": (declared("t.count() + {}"), "line 9: feature 'engagement_mine': the expression fails: "),
    "no column": (declared("1"), "gives int, not a column"),
    "a text for a number": (declared("t['type'].max()"), "its kind is 'number', which wants a number"),
    "a number for a text": (declared("t.count()", kind="'category'"), "which wants text"),
    "a column of facts": (declared("t['age_us']"), "an aggregate is wanted"),
    "a window": (declared("t['age_us'].lag().max()"), "mixes the rows of several leads"),
    "an aggregate of snapshots": (
        declared("t['as_of'].max().epoch_seconds()", over="'attributes'"),
        "mixes the rows of several leads",
    ),
    "a subquery": (
        declared("t['lead_id'].isin(t.filter(t['price'] > 1)['lead_id'])", over="'attributes'"),
        "mixes the rows of several leads",
    ),
    "the clock": (
        declared("(__import__('ibis').now() - t['as_of']).cast('int64')", over="'attributes'"),
        "reads the clock",
    ),
    "a name that is taken": (
        declared("t.count()", name="'engagement_inbound_count_7d'"),
        "named twice: engagement_inbound_count_7d, engagement_inbound_count_7d (",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_file_and_line(documented, tmp_path, code, says):
    path = tmp_path / "mine.py"
    path.write_text(code, encoding="utf-8")
    features = documented.config.features.model_copy(update={"own": (path,)})
    config = documented.config.model_copy(update={"features": features})
    canonical = type(documented)(
        documented.engine, config, documented.tables, documented.present, documented.report
    )
    with pytest.raises(ConfigError) as caught:
        features_of(canonical, scoring_spine(canonical, config.data.through))
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_expression_that_fails_on_the_data_alone_is_named(tmp_path):
    canonical = opened(tmp_path, declared("t['title'].cast('int64')", over="'attributes'"))
    try:
        with pytest.raises(
            ConfigError, match=r"mine\.py, line 9: feature 'engagement_mine': it cannot be computed"
        ):
            scored(canonical)
    finally:
        canonical.engine.close()


def test_a_table_that_is_not_mapped_is_named(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(declared("t.count()"), encoding="utf-8")
    world = nasty_world()
    few = type(world)({"leads": world.rows("leads"), "stages": world.rows("stages")}, world.columns)
    canonical = open_world(
        few, {"tables": {"leads": TREE["tables"]["leads"]}, "features": {"own": [str(path)]}}, tmp_path
    )
    try:
        with pytest.raises(ConfigError, match="over 'activities', which is not mapped"):
            feature_specs(canonical)
    finally:
        canonical.engine.close()


def test_a_missing_file_is_named_and_found_relative_to_the_configuration(tmp_path):
    config = parse_config({"tables": {"leads": {"path": "x"}}, "features": {"own": ["no.py"]}}, base=tmp_path)
    assert config.features.own == (tmp_path / "no.py",)


def test_another_version_of_the_file_is_another_meaning(documented):
    path = documented.config.features.own[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert parameters(documented)["own"] == {"1 my_features.py": digest}
    spine = scoring_spine(documented, documented.config.data.through)
    before = features_of(documented, spine).spec_hash
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace(">= 15", ">= 20"), encoding="utf-8")
        assert features_of(documented, spine).spec_hash != before
    finally:
        path.write_text(text, encoding="utf-8")
    assert features_of(documented, spine).spec_hash == before
