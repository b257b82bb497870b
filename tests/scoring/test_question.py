"""The next best question: what each answer would make of a lead, and which is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import UNASKED, scoring_config, small_config
from propensity import workflow
from propensity.config import Config
from propensity.features.frame import features_of
from propensity.scoring.answers import Shares, open_leads, usual
from propensity.scoring.criteria import Judge, state_names
from propensity.scoring.facts import lead_facts, observed
from propensity.scoring.hypothetical import Act, World, look
from propensity.scoring.lists import Ranking, rank_leads
from propensity.scoring.qualify import NO_PROSPECT, PROSPECT
from propensity.scoring.question import ASKED, Answers, Branch, best, questions
from propensity.scoring.suppose import STATES, Suppositions
from propensity.session import Progress, opened
from propensity.sources.canonical import Canonical
from propensity.timeline.snapshots import scoring_spine

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
FIXED = "qualification.threshold={by: fixed, probability: 0.02}"


@dataclass(frozen=True)
class Night:
    """A night's ranking while its engine is open."""

    canonical: Canonical
    bundle: Any
    ranking: Ranking
    listed: pa.Table
    told: Suppositions

    def asked(self, **changes: Any) -> pa.Table:
        """The questions once more."""
        qualified = replace(self.ranking.qualified, **changes)
        table = self.canonical.engine.register("listed_again", self.listed)
        return questions(self.canonical, self.bundle, qualified, table, AS_OF, threads=1)


@contextmanager
def a_night(config: Config) -> Iterator[Night]:
    _, bundle = workflow.load_model(config, None)
    with opened(config, Progress()) as session:
        query = features_of(session.canonical, scoring_spine(session.canonical, AS_OF))
        # What a night hands on, whose acts have numbers for words: facts that are put in have none.
        canonical = query.canonical
        with rank_leads(query, bundle, AS_OF, threads=1) as ranking:
            found = ranking.qualified
            known = open_leads(found.table, found.facts, found.scores.select("lead_id", "tier"))
            told = Suppositions(canonical, usual(canonical, known, AS_OF, observed(canonical).fit))
            yield Night(canonical, bundle, ranking, canonical.engine.collect(ranking.listed), told)


@pytest.fixture(scope="module")
def night(small_world, champion_place, tmp_path_factory) -> Iterator[Night]:
    config = scoring_config(small_world, champion_place, tmp_path_factory.mktemp("night"), FIXED)
    with a_night(config) as found:
        yield found


def _unknown(night: Night) -> list[tuple[dict[str, Any], str]]:
    """A listed lead and a criterion, for everything that is unknown and askable, one of each account at most."""
    facts = {
        row["lead_id"]: row
        for row in night.canonical.engine.collect(night.ranking.qualified.facts).to_pylist()
    }
    found, accounts = [], set()
    for row in night.listed.to_pylist():
        for about in ("authority", "dialogue", "need", "budget"):
            account = row["account_id"] or row["lead_id"]
            if row[f"criterion_{about}"] == "unknown" and account not in accounts:
                accounts.add(account)
                found.append((facts[row["lead_id"]], about))
    return found


def _written_by_hand(source: Path, folder: Path, worlds: list[World]) -> None:
    """The same facts as rows of the company's own files."""
    shutil.copytree(source, folder)
    titles = {world.lead_id: world.of_lead["title"] for world in worlds if "title" in world.of_lead}
    leads = pd.read_csv(folder / "leads.csv", dtype=str, keep_default_na=False)
    leads["title"] = [
        titles.get(lead, title) for lead, title in zip(leads["lead_id"], leads["title"], strict=True)
    ]
    leads.to_csv(folder / "leads.csv", index=False)
    budgets = [
        {"lead_id": world.lead_id, "amount": amount, "recorded_at": at, "kind": kind, "currency": "EUR"}
        for world in worlds
        for at, amount, kind in world.budgets
    ]
    acts = [
        {"lead_id": world.lead_id, "occurred_at": act.at, "recorded_at": act.at, "type": act.type,
         "direction": act.direction, "channel": act.channel}
        for world in worlds
        for act in world.acts
    ]  # fmt: skip
    for name, rows in (("budgets", budgets), ("activities", acts)):
        table = pq.read_table(folder / f"{name}.parquet")
        more = pa.Table.from_pylist(rows, schema=table.schema)
        pq.write_table(pa.concat_tables([table, more]), folder / f"{name}.parquet")


def test_an_answer_gives_what_the_same_fact_gives_when_it_is_written_into_the_input(
    night, small_world, champion_place, tmp_path
):
    """Leads of different accounts, each with one answer, in one run of the nightly job over the company's own files."""
    asked = [
        (row, about, state, world)
        for place, (row, about) in enumerate(_unknown(night))
        if (world := night.told.world(row, about, state := STATES[place % 2])) is not None
    ]
    assert {"authority", "budget", "dialogue"} <= {about for _, about, *_ in asked}

    worlds = [world for *_, world in asked]
    _written_by_hand(small_world, tmp_path / "world", worlds)
    out = workflow.score(scoring_config(tmp_path / "world", champion_place, tmp_path, FIXED, UNASKED)).out
    by_hand = {row["lead_id"]: row for row in pq.read_table(out / "scores.parquet").to_pylist()}

    outcome = look(night.canonical, night.ranking.qualified.facts, worlds)
    probability = night.bundle.probability(night.bundle.margin(outcome.features, threads=1))
    said = {row["lead_id"]: row for row in night.listed.to_pylist()}
    compared = 0
    for (row, about, state, _), chance in zip(asked, probability, strict=True):
        wanted, question = by_hand[row["lead_id"]], said[row["lead_id"]]
        assert chance == pytest.approx(wanted["probability"], rel=1e-12)
        assert wanted[f"criterion_{about}"] == state
        if question["question_about"] == about:
            branch = "met" if state == "met" else "not"
            assert question[f"question_verdict_if_{branch}"] == wanted["verdict"]
            if question[f"question_probability_if_{branch}"] is not None:
                told = question[f"question_probability_if_{branch}"]
                assert told == pytest.approx(wanted["probability"], rel=1e-12)
                compared += 1
    assert compared > 3


def test_every_inserted_fact_is_known_strictly_before_as_of(night):
    worlds = [night.told.world(row, about, state) for row, about in _unknown(night) for state in STATES]
    times = [
        time
        for world in worlds
        if world
        for time in (*(act.at for act in world.acts), *(at for at, *_ in world.budgets))
    ]
    assert times
    assert max(times) < AS_OF


def test_what_is_asked_of_one_lead_does_not_change_what_is_asked_of_another(night):
    """Also where both are of one account."""
    facts = night.canonical.engine.collect(night.ranking.qualified.facts).to_pylist()
    sizes = pd.Series([row["account_id"] for row in facts]).value_counts()
    account = sizes[sizes.between(2, 10)].index[0]
    worlds = [
        replace(night.told.world(row, "dialogue", "met"), of_lead={"title": "CEO"})
        for row in facts
        if row["account_id"] == account
    ]
    together = look(night.canonical, night.ranking.qualified.facts, worlds)
    for place, world in list(enumerate(worlds))[-1:]:
        alone = look(night.canonical, night.ranking.qualified.facts, [world])
        for many, one in ((together.features, alone.features), (together.facts, alone.facts)):
            names = [
                name
                for name in many.column_names
                if name not in ("snapshot_id", "lead_id", "account_id") and not name.endswith("_id")
            ]
            assert many.select(names).slice(place, 1).to_pylist() == one.select(names).to_pylist()


def test_a_world_without_a_new_fact_is_the_real_one(night):
    rows = night.canonical.engine.collect(
        night.ranking.qualified.facts.order_by("lead_id").limit(40)
    ).to_pylist()
    worlds = [World(row["lead_id"], row["account_id"]) for row in rows]
    outcome = look(night.canonical, night.ranking.qualified.facts, worlds)
    scores = night.canonical.engine.collect(night.ranking.scores)
    known = dict(zip(scores["lead_id"].to_pylist(), scores["margin"].to_pylist(), strict=True))
    margin = night.bundle.margin(outcome.features, threads=1)
    assert margin.tolist() == [known[row["lead_id"]] for row in rows]


def test_an_act_that_is_put_in_is_counted(night):
    row = night.canonical.engine.collect(
        night.ranking.qualified.facts.order_by("lead_id").limit(1)
    ).to_pylist()[0]
    act = Act(AS_OF - timedelta(seconds=1), "pricing_view", "inbound", "web")
    worlds = [World(row["lead_id"], row["account_id"], acts=acts) for acts in ((), (act,))]
    counts = look(night.canonical, night.ranking.qualified.facts, worlds).features
    for name in ("pricing_view_count_7d", "inbound_count_90d", "web_channel_count_90d"):
        before, after = counts[f"engagement_{name}"].to_pylist()
        assert after == before + 1, name


def test_the_part_of_the_fit_that_is_not_known_is_asked_about(small_world, tmp_path):
    """Fit is a matter of the configuration: the criteria are judged without a model."""
    ideal = "features.ideal_customer={employee_count: {min: 20}}"
    with opened(small_config(small_world, tmp_path, ideal), Progress()) as session:
        canonical = session.canonical
        facts = lead_facts(canonical, scoring_spine(canonical, AS_OF))
        known = facts.mutate(criterion_budget=ibis.null("string"))
        told = Suppositions(canonical, usual(canonical, known, AS_OF, ("employee_count",)))
        rows = canonical.engine.collect(facts.order_by("lead_id")).to_pylist()
        rows = [row for row in rows if row["fits_employee_count"] is None]
        asked = [
            (state, world)
            for row in [*rows[:20], *(row for row in rows if row["account_id"] is None)]
            for state in STATES
            if (world := told.world(row, "fit", state)) is not None
        ]
        assert asked
        assert all(world.account_id is not None for _, world in asked), "there is nowhere to write it down"
        outcome = look(canonical, facts, [world for _, world in asked])
        judge = Judge(canonical.config, observed(canonical))
        found = state_names(judge.states(judge.facts(outcome.facts))["fit"]).to_pylist()
        assert found == [state for state, _ in asked]


def test_what_the_tables_cannot_tell_is_never_asked(night):
    first = night.asked()
    shown = night.listed.filter(pc.is_valid(night.listed["question"])).select(first.column_names)
    assert first.sort_by("lead_id").equals(shown.sort_by("lead_id").cast(first.schema)), "the same each time"
    assert "fit" not in first["question_about"].to_pylist()
    assert "budget" in first["question_about"].to_pylist()
    later = night.asked(why_unknown={**night.ranking.qualified.why_unknown, "budget": "not mapped"})
    assert "budget" not in later["question_about"].to_pylist()
    everything = dict.fromkeys(("fit", "budget", "authority", "need", "dialogue"), "not mapped")
    assert night.asked(why_unknown=everything).equals(ASKED.empty_table())


def test_only_listed_leads_with_an_unknown_criterion_are_asked_and_the_list_shows_it(night):
    told = night.listed.filter(pc.is_valid(night.listed["question"])).to_pylist()
    assert len(told) == sum(night.ranking.questions.values()) > 0
    for row in told:
        assert row[f"criterion_{row['question_about']}"] == "unknown"
        assert row["question"].endswith(".")
        shown = [row["question_probability_if_met"], row["question_probability_if_not"]]
        assert shown.count(None) in (0, 2)
        if None in shown:
            assert row["question_verdict_if_met"] != row["question_verdict_if_not"]


def test_none_is_asked_where_the_configuration_says_so(night):
    config = night.canonical.config
    none = config.model_copy(update={"lists": config.lists.model_copy(update={"questions": 0})})
    silent = replace(night, canonical=replace(night.canonical, config=none))
    assert silent.asked().equals(ASKED.empty_table())


COUNTS = st.integers(0, 50).flatmap(lambda known: st.tuples(st.integers(0, known), st.just(known)))


@given(overall=COUNTS, here=COUNTS)
def test_weights_add_up_to_one_and_lie_between_the_similar_and_all(overall, here):
    known = Shares({"need": overall}, {("a", "b", "C"): {"need": here}})
    weights = known.weights("need", ("a", "b", "C"))
    if not overall[1]:
        assert weights is None
        return
    assert sum(weights) == pytest.approx(1)
    shares = sorted([overall[0] / overall[1], here[0] / here[1] if here[1] else overall[0] / overall[1]])
    assert shares[0] - 1e-12 <= weights[0] <= shares[1] + 1e-12
    met, of = overall
    assert known.weights("need", ("x", None, "D")) == pytest.approx((met / of, 1 - met / of))


def _answers(about="budget", *, met=(0.5, 0.12, PROSPECT), not_met=(0.5, 0.08, PROSPECT), now=0.1) -> Answers:
    return Answers(about, ("Ask about budget", "they have it"), Branch(*met), Branch(*not_met), now)


@pytest.mark.parametrize(
    ("now", "shown"), [(0.1, True), (0.0834, True), (0.0832, False), (0.1249, True), (0.1252, False)]
)
def test_probabilities_are_shown_only_where_they_average_to_within_a_fifth_of_todays(now, shown):
    """0.5 * 0.12 + 0.5 * 0.08 is 0.1, and |0.1 - now| <= 0.2 now from 1/12 to 1/8."""
    found = _answers(now=now, not_met=(0.5, 0.08, NO_PROSPECT))
    assert found.consistent is shown
    row = found.row("L1")
    assert (row["question_probability_if_met"], row["question_probability_if_not"]) == (
        (0.12, 0.08) if shown else (None, None)
    )
    assert (row["question_verdict_if_met"], row["question_verdict_if_not"]) == (PROSPECT, NO_PROSPECT)


def test_a_change_of_the_verdict_goes_before_any_change_of_the_probability():
    moves = _answers("authority", met=(0.5, 0.19, PROSPECT), not_met=(0.5, 0.01, PROSPECT))
    turns = _answers("budget", met=(0.9, 0.101, PROSPECT), not_met=(0.1, 0.09, NO_PROSPECT))
    assert best([moves, turns], PROSPECT) is turns
    assert best([moves], PROSPECT) is moves
    assert turns.sentence() == "Ask about budget: if they have it, a prospect; if not, leave."
    assert (
        moves.sentence()
        == "Ask about budget: a prospect either way, 19.0 % likely if they have it, 1.0 % if not."
    )


def test_an_answer_that_makes_the_same_of_the_lead_either_way_and_does_not_add_up_is_not_asked():
    same = _answers(met=(0.5, 0.5, PROSPECT), not_met=(0.5, 0.4, PROSPECT), now=0.01)
    assert same.change(NO_PROSPECT) == (0.0, 0.0)
    assert best([same], NO_PROSPECT) is None
    assert best([], PROSPECT) is None
