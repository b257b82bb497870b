"""The demo world: its truth is exact, its tables keep to both clocks, and it is the same every time."""

from __future__ import annotations

import dataclasses
import filecmp
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import pytest
from pyarrow import csv, parquet

from demo.oracle import Oracle
from propensity.demo import records, world
from propensity.demo.dates import make_calendar
from propensity.demo.fit import Covariates
from propensity.demo.forward import true_probabilities
from propensity.demo.laws import MAX_LAG_DAYS, Kind, default_laws
from propensity.demo.process import CONVERTED, DISQUALIFIED, run
from propensity.errors import UsageError

END = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def hidden():
    return world.live(
        np.random.default_rng(11), leads=6_000, calendar=make_calendar(END, 24), laws=default_laws()
    )


@pytest.fixture(scope="module")
def small():
    return world.simulate(leads=1_500, seed=3)


def truth_of(hidden, laws=None, facts=None, days=None, horizon_days=30):
    calendar = hidden.calendar
    return true_probabilities(
        hidden.facts if facts is None else facts,
        hidden.fates.day,
        hidden.covariates,
        calendar,
        hidden.laws if laws is None else laws,
        as_of_days=[calendar.day_of(date) for date in calendar.month_starts()[:-1]] if days is None else days,
        horizon_days=horizon_days,
    )


def outcomes(hidden, truth, horizon_days=30):
    end, fate = hidden.fates.day[truth.lead], hidden.fates.fate[truth.lead]
    return (fate == CONVERTED) & (end >= truth.day) & (end < truth.day + horizon_days)


def log_loss(y, p):
    return -np.mean(np.where(y, np.log(p), np.log1p(-p)))


# --- the truth is exact


def test_truth_equals_the_sum_over_every_hidden_path():
    plain = default_laws()
    # A loud world, late in its records, makes a few days hold many facts of each kind.
    lag = np.tile([0.5, 0.2, 0.1, 0.1, 0.06, 0.04], (len(Kind), 1))
    prompt = [Kind.EMAIL_SENT, *range(Kind.BUDGET_STATED, Kind.BUDGET_SPEND + 1)]
    lag[prompt] = plain.lag[prompt]
    laws = dataclasses.replace(plain, rates=plain.rates * 6.0, lag=lag)
    loud, rng = make_calendar(END, 1), np.random.default_rng(5)
    lived = world.live(rng, leads=600, calendar=loud, laws=laws)
    days = [8, loud.drift_day - 1, loud.drift_day + 1, loud.drift_day + 4]
    truth = world._truth(lived, days, 2)
    answer = Oracle(world._write_down(rng, lived, truth), lived)
    young = [row for row in truth.to_pylist() if 1 <= answer.age_days(row["lead_id"], row["as_of"]) <= 7]
    young.sort(key=lambda row: (-len(answer.facts[answer.number[row["lead_id"]]]), row["lead_id"]))
    ages = {}
    for row in young:
        ages.setdefault(answer.age_days(row["lead_id"], row["as_of"]), []).append(row)
    chosen = [row for age, rows in sorted(ages.items()) for row in rows[: 12 if age < 6 else 3]]
    assert set(ages) == set(range(1, 8))
    facts = [fact for row in chosen for fact in answer.facts[answer.number[row["lead_id"]]]]
    assert {kind for _, _, kind, _ in facts} >= {
        "web_visit",
        "email_open",
        "call_answered",
        "stated",
        "email_sent",
    }
    assert any(recorded - occurred > timedelta(days=2) for occurred, recorded, *_ in facts)
    for row in chosen:
        by_paths = answer.by_paths(row["lead_id"], row["as_of"], 2)
        assert row["probability"] == pytest.approx(by_paths, rel=1e-9, abs=1e-12), row


def test_truth_equals_the_plain_recursion_from_the_written_tables():
    calendar, rng = make_calendar(END, 24), np.random.default_rng(8)
    lived = world.live(rng, leads=400, calendar=calendar, laws=default_laws())
    days = [calendar.day_of(date) for date in calendar.month_starts()]
    truth = world._truth(lived, days, 30)
    answer = Oracle(world._write_down(rng, lived, truth), lived)
    rows = truth.to_pylist()
    chosen = [rows[index] for index in np.linspace(0, len(rows) - 1, 40).astype(int)]
    assert max(answer.age_days(row["lead_id"], row["as_of"]) for row in chosen) > 365
    for row in chosen:
        by_days = answer.by_days(row["lead_id"], row["as_of"], 30)
        assert row["probability"] == pytest.approx(by_days, rel=1e-9), row


def test_truth_ignores_facts_not_yet_recorded(hidden):
    as_of = 400
    facts = hidden.facts
    known = facts.day + facts.lag_days < as_of
    assert (~known & (facts.day < as_of)).any()
    cut = dataclasses.replace(
        facts, **{f.name: getattr(facts, f.name)[known] for f in dataclasses.fields(facts)}
    )
    whole, early = truth_of(hidden, days=[as_of]), truth_of(hidden, facts=cut, days=[as_of])
    assert np.array_equal(whole.probability, early.probability)


def test_truth_at_one_instant_does_not_depend_on_the_other_instants(hidden):
    together, alone = truth_of(hidden, days=[100, 102, 400]), truth_of(hidden, days=[400])
    assert np.array_equal(together.probability[together.day == 400], alone.probability)


def test_truth_is_calibrated_overall_and_by_decile(hidden):
    truth = truth_of(hidden)
    y, p = outcomes(hidden, truth), truth.probability
    # Outcomes of a lead's successive windows are uncorrelated given their probabilities, so variances add.
    assert abs(np.sum(y - p)) < 4 * np.sqrt(np.sum(p * (1 - p)))
    for part in np.array_split(np.argsort(p, kind="stable"), 10):
        assert abs(np.sum(y[part] - p[part])) < 4 * np.sqrt(np.sum(p[part] * (1 - p[part])))


def test_truth_is_calibrated_in_a_fast_world_before_and_after_the_drift():
    laws = default_laws()
    # Many conversions in few weeks show departures of the simulation from the filter's laws of a few per cent.
    laws = dataclasses.replace(laws, convert=laws.convert * 30.0, drift_convert=0.6)
    calendar = make_calendar(END, 2)
    lived = world.live(np.random.default_rng(2), leads=12_000, calendar=calendar, laws=laws)
    truth = truth_of(lived, days=list(range(1, calendar.days)), horizon_days=1)
    y, p = outcomes(lived, truth, 1), truth.probability
    drifted = truth.day >= calendar.drift_day
    assert min(y[drifted].sum(), y[~drifted].sum()) > 1_000
    for part in (drifted, ~drifted):
        assert abs(np.sum(y[part] - p[part])) < 3 * np.sqrt(np.sum(p[part] * (1 - p[part])))
    for part in np.array_split(np.argsort(p, kind="stable"), 10):
        assert abs(np.sum(y[part] - p[part])) < 4 * np.sqrt(np.sum(p[part] * (1 - p[part])))


@pytest.mark.parametrize("state", [1, 3, 6, 7])
def test_a_lead_that_never_changes_state_lives_by_the_rates_of_that_state(state):
    plain, calendar = default_laws(), make_calendar(END, 2)
    days = np.arange(calendar.days)
    laws = dataclasses.replace(
        plain, slow=np.eye(4), fast=np.eye(4), convert=np.full(8, 0.06), disqualify=np.full(8, 0.008)
    )
    birth = np.sort(np.arange(6_000) % 50)
    one, prior = np.ones(len(birth)), np.tile(np.eye(8)[state], (len(birth), 1))
    made = Covariates(birth, prior, one * 0.5, one, one * 2, one * 3, one * 1_000.0)
    facts, fates = run(np.random.default_rng(state), made, calendar, laws)

    last = np.minimum(fates.day, calendar.days - 1)
    alive = (birth[:, None] <= days) & (days <= last[:, None])
    weekday = np.array([calendar.date(int(day)).weekday() for day in days])
    activity = np.array([laws.activity_level(int(day)) for day in weekday])
    yearday = [calendar.date(int(day)).timetuple().tm_yday for day in days]
    decision = np.array([laws.decision_level(int(w), y) for w, y in zip(weekday, yearday, strict=True)])
    decision *= np.where(days >= calendar.drift_day, 2 * laws.drift_convert, 1.0)
    sent = np.zeros((len(birth), len(days)))
    emails = facts.kind == Kind.EMAIL_SENT
    np.add.at(sent, (facts.lead[emails], facts.day[emails]), 1.0)
    pressure = sent.copy()
    for day in days[1:]:
        pressure[:, day] += laws.pressure_decay * pressure[:, day - 1]

    expected = {kind: laws.rates[kind, state] * (alive * activity).sum() for kind in range(Kind.EMAIL_OPEN)}
    expected |= {kind: laws.rates[kind, state] * (alive * pressure).sum() for kind in range(12, 15)}
    observed = np.bincount(facts.kind, minlength=len(Kind))
    for kind, mean in expected.items():
        assert abs(observed[kind] - mean) < 4 * np.sqrt(mean) + 1, Kind(kind)
    mature = alive & (days > birth[:, None])
    for fate, mean in ((CONVERTED, 0.06 * (mature * decision).sum()), (DISQUALIFIED, 0.024 * mature.sum())):
        assert abs((fates.fate == fate).sum() - mean) < 4 * np.sqrt(mean), fate
    calls = observed[Kind.CALL_ANSWERED] + observed[Kind.CALL_UNANSWERED]
    share = laws.call_answered[state]
    assert abs(observed[Kind.CALL_ANSWERED] - calls * share) < 4 * np.sqrt(calls * share * (1 - share))
    for kind in (Kind.WEB_VISIT, Kind.CALL_UNANSWERED, Kind.EMAIL_SENT):
        lags = np.bincount(facts.lag_days[facts.kind == kind], minlength=MAX_LAG_DAYS + 1)
        mean = laws.lag[kind] * lags.sum()
        assert np.all(np.abs(lags - mean) <= 4 * np.sqrt(mean) + 1), kind
    stated = np.log(facts.amount_eur[facts.kind == Kind.BUDGET_STATED] / 1_000.0)
    gap = stated.mean() - laws.amount_log_mean[0, state // 4]
    assert abs(gap) < 4 * laws.amount_log_sd[0] / np.sqrt(len(stated))


def test_truth_has_less_log_loss_than_any_constant_and_than_perturbed_beliefs(hidden):
    days = list(range(150, 700, 60))
    truth = truth_of(hidden, days=days)
    y, best = outcomes(hidden, truth), log_loss(outcomes(hidden, truth), truth.probability)
    laws = hidden.laws
    flat = np.repeat(laws.rates.mean(axis=1, keepdims=True), 8, axis=1)
    swapped = laws.amount_log_mean[:, ::-1]
    nothing = dataclasses.replace(
        hidden.facts, **{f.name: getattr(hidden.facts, f.name)[:0] for f in dataclasses.fields(hidden.facts)}
    )
    others = [
        truth_of(hidden, dataclasses.replace(laws, rates=flat), days=days).probability,
        truth_of(hidden, dataclasses.replace(laws, amount_log_mean=swapped), days=days).probability,
        truth_of(hidden, facts=nothing, days=days).probability,
    ]
    # The mean outcome is the best of all constants.
    assert best < log_loss(y, np.full(len(y), y.mean()))
    for other in others:
        assert best < log_loss(y, other)


def test_truth_ranks_with_signal_and_noise(hidden):
    truth = truth_of(hidden)
    y, p = outcomes(hidden, truth), truth.probability
    rank = np.empty(len(p))
    rank[np.argsort(p, kind="stable")] = np.arange(1, len(p) + 1)
    positives = int(y.sum())
    auc = (rank[y].sum() - positives * (positives + 1) / 2) / (positives * (len(y) - positives))
    assert 0.79 < auc < 0.88
    assert 0.03 < y.mean() < 0.08


# --- the same every time


def test_same_seed_writes_the_same_bytes(tmp_path):
    one = world.write(world.simulate(leads=200, months=6, seed=4), tmp_path / "one")
    two = world.write(world.simulate(leads=200, months=6, seed=4), tmp_path / "two")
    assert one.keys() == two.keys()
    for name, path in one.items():
        assert filecmp.cmp(path, two[name], shallow=False), name


def test_every_seed_is_another_world_and_zero_is_a_seed():
    zero, again, one = (world.simulate(leads=200, months=6, seed=seed) for seed in (0, 0, 1))
    assert zero.activities.equals(again.activities)
    assert zero.truth.equals(again.truth)
    assert not zero.leads.equals(one.leads)
    assert not zero.activities.equals(one.activities)


# --- two clocks and a cut


def test_no_fact_at_or_after_the_end(small):
    for table in (small.leads, small.activities, small.stages, small.budgets):
        for name in {"created_at", "occurred_at", "recorded_at", "entered_at"} & set(table.column_names):
            assert pc.max(table[name]).as_py() < END


def test_recorded_never_before_it_happened_and_some_of_it_days_later(small):
    for table, happened in ((small.activities, "occurred_at"), (small.stages, "entered_at")):
        delay = pc.subtract(table["recorded_at"], table[happened]).cast("int64").to_numpy() / 86_400e6
        assert delay.min() >= 0
        assert 0.01 < np.mean(delay > 0.5) < 0.2
        assert delay.max() < MAX_LAG_DAYS + 1


def test_no_activity_before_the_lead_was_created(small):
    created = dict(
        zip(small.leads["lead_id"].to_pylist(), small.leads["created_at"].to_pylist(), strict=True)
    )
    for name, at in (("activities", "occurred_at"), ("budgets", "recorded_at"), ("stages", "entered_at")):
        table = getattr(small, name)
        pairs = zip(table["lead_id"].to_pylist(), table[at].to_pylist(), strict=True)
        assert all(when >= created[lead] for lead, when in pairs if lead in created)


def test_answers_to_email_come_after_an_email(small):
    rows = small.activities.to_pylist()
    first = {}
    for row in rows:
        if row["type"] == "email_sent":
            first.setdefault(row["lead_id"], row["occurred_at"])
    created = set(small.leads["lead_id"].to_pylist())
    answers = [row for row in rows if row["type"].startswith("email_") and row["direction"] == "inbound"]
    assert len(answers) > 100
    assert all(row["occurred_at"] > first[row["lead_id"]] for row in answers if row["lead_id"] in created)


def test_truth_has_exactly_the_eligible_leads(small):
    created = dict(
        zip(small.leads["lead_id"].to_pylist(), small.leads["created_at"].to_pylist(), strict=True)
    )
    ended = {}
    for row in small.stages.to_pylist():
        if row["stage"] not in {"lead", "contacted"}:
            ended[row["lead_id"]] = min(row["entered_at"], ended.get(row["lead_id"], row["entered_at"]))
    truth = small.truth.to_pylist()
    instants = sorted({row["as_of"] for row in truth})
    assert instants == make_calendar(END, 24).month_starts()
    for as_of in instants[:-1]:
        eligible = [lead for lead, at in created.items() if at < as_of and ended.get(lead, END) >= as_of]
        assert [row["lead_id"] for row in truth if row["as_of"] == as_of] == eligible


# --- what the tables hold


def test_the_tempting_column_is_filled_after_conversion_only(small):
    converted = set(small.stages.filter(pc.equal(small.stages["stage"], "prospect"))["lead_id"].to_pylist())
    filled = small.leads.filter(pc.is_valid(small.leads["qualification_call_minutes"]))["lead_id"].to_pylist()
    assert set(filled) == converted
    assert 0.12 < len(converted) / len(small.leads) < 0.3


def test_columns_words_and_shares_are_as_described(small):
    assert set(small.activities["type"].to_pylist()) == set(records.TYPES)
    assert set(small.activities["direction"].to_pylist()) == {"inbound", "outbound"}
    assert set(small.activities["channel"].to_pylist()) == set(records.CHANNELS)
    assert set(small.stages["stage"].to_pylist()) == set(records.STAGES)
    assert set(small.budgets["kind"].to_pylist()) == set(records.BUDGET_KINDS)
    assert 15 < len(small.activities) / len(small.leads) < 25
    assert 0.03 < small.leads["account_id"].null_count / len(small.leads) < 0.07
    assert 0.015 < pc.mean(small.leads["do_not_contact"].cast("int8")).as_py() < 0.045
    leads = set(small.leads["lead_id"].to_pylist())
    unknown = [lead for lead in small.activities["lead_id"].to_pylist() if lead not in leads]
    assert 0 < len(unknown) / len(small.activities) < 0.002


def test_about_one_person_in_a_hundred_is_there_twice(small):
    seen, again = set(), 0
    for row in small.leads.to_pylist():
        keys = {
            value.lower().replace(" ", "-") for value in (row["email"], row["phone"]) if value is not None
        }
        again += bool(keys & seen)
        seen |= keys
    assert 0.005 < again / len(small.leads) < 0.015


def test_personal_data_are_reserved_for_fiction(small):
    domains = {email.lower().split("@")[1] for email in small.leads["email"].to_pylist() if email is not None}
    assert all(domain.endswith(".example") or domain.startswith("example.") for domain in domains)
    phones = [phone.replace(" ", "-") for phone in small.leads["phone"].to_pylist() if phone is not None]
    assert all(phone[6:].startswith("-555-01") for phone in phones)


def test_sources_shift_with_the_drift(small):
    drift = make_calendar(END, 24).date(make_calendar(END, 24).drift_day)
    rows = small.leads.to_pylist()
    share = [
        np.mean([row["source"] == "social_ads" for row in rows if (row["created_at"] >= drift) == late])
        for late in (False, True)
    ]
    assert share[1] > share[0]


# --- files


def test_files_read_back_with_iso_dates_and_one_broken_lead(small, tmp_path):
    paths = world.write(small, tmp_path)
    assert set(paths) == {
        "leads",
        "accounts",
        "products",
        "activities",
        "stages",
        "budgets",
        "truth",
        "latent",
    }
    assert paths["truth"].parent == tmp_path / "truth"
    assert parquet.read_table(paths["activities"]).equals(small.activities)
    assert parquet.read_table(paths["truth"]).equals(small.truth)
    assert parquet.read_table(paths["latent"]).equals(small.latent)
    options = csv.ConvertOptions(column_types={"created_at": "string"})
    created = csv.read_csv(paths["leads"], convert_options=options)["created_at"].to_pylist()
    assert created[0] == small.leads["created_at"][0].as_py().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sum(not text.endswith("Z") for text in created) == 1
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"leads": 0},
        {"months": 0},
        {"horizon_days": 0},
        {"end": datetime(2026, 6, 1, 9, tzinfo=UTC)},
        {"end": datetime(2026, 6, 1)},  # noqa: DTZ001 - naive on purpose
        {"truth_instants": [END + timedelta(days=1)]},
        {"truth_instants": [END - timedelta(hours=1)]},
    ],
)
def test_refuses_arguments_that_cannot_be(wrong):
    with pytest.raises(UsageError):
        world.simulate(**{"leads": 5, "months": 1, **wrong})


def test_truth_instants_and_horizon_can_be_chosen():
    instants = [datetime(2026, 5, day, tzinfo=UTC) for day in (10, 20)]
    short = world.simulate(leads=100, months=2, truth_instants=instants, horizon_days=7)
    long = world.simulate(leads=100, months=2, truth_instants=instants, horizon_days=60)
    assert sorted(set(short.truth["as_of"].to_pylist())) == instants
    assert short.activities.equals(long.activities)
    assert pc.all(pc.less(short.truth["probability"], long.truth["probability"])).as_py()
