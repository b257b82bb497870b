"""The retraining without anybody beside it: when it trains, and what the gate's answer makes of the exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from propensity.errors import PromotionRefused
from propensity.tracking.registry import Registry
from propensity.tracking.store import Store
from propensity.unattended import retrain as module
from propensity.unattended.retrain import News, retrain

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def champion(config) -> str:
    return Registry(Store.from_config(config.tracking), config.paths.models).in_use().number


def test_without_enough_that_matured_nothing_is_trained_and_that_is_said(place):
    config = place.config()
    told = retrain(config, now=NOW)
    assert (told.exit_code, told.facts["trained"]) == (0, False)
    assert told.facts["why_not"] == (
        "0 new matured conversions of 50 and 0 new matured days of 7 since version 1 (nightly.retrain)"
    )
    assert [step.name for step in told.steps] == ["check"]
    assert told.facts["learned_to"] == told.facts["matured_to"] == "2026-04-01T00:00:00Z"
    assert champion(config) == "1"


@pytest.fixture
def trained(monkeypatch):
    """A training that is over: a real one takes half a minute, and `make thirty-nights` does two."""
    registered = SimpleNamespace(name="demo", version="1")
    found = SimpleNamespace(registered=registered, warnings=("a warning",), evidence=None)
    monkeypatch.setattr(module, "train", lambda *_, **__: found)
    monkeypatch.setattr(module, "_news", lambda _: News(None, None, None, 0))


@pytest.mark.usefixtures("trained")
def test_a_refused_challenger_is_7_and_the_champion_stays(place, monkeypatch):
    def refused(*_, **__):
        raise PromotionRefused("log loss: worse beyond noise")

    monkeypatch.setattr(module, "promote", refused)
    config = place.config()
    told = retrain(config, now=NOW)
    assert (told.exit_code, told.why) == (7, "log loss: worse beyond noise")
    assert told.facts["trained"] is True
    assert told.facts["promoted"] is False
    assert champion(config) == "1"
    assert json.loads((place.folder / "state" / "last-run.json").read_text())["exit_code"] == 7


@pytest.mark.usefixtures("trained")
def test_a_promoted_challenger_is_0_and_6_where_warnings_count(place, monkeypatch):
    monkeypatch.setattr(module, "promote", lambda *_, **__: SimpleNamespace(former=None))
    told = retrain(place.config(), now=NOW)
    assert (told.exit_code, told.facts["promoted"], told.warnings) == (0, True, ("a warning",))
    assert retrain(place.config(), now=NOW, strict=True).exit_code == 6


def test_enough_is_conversions_and_days_since_the_newest_model():
    config = SimpleNamespace(
        nightly=SimpleNamespace(retrain=SimpleNamespace(min_new_conversions=10, min_days=7))
    )
    learned = datetime(2026, 5, 1, tzinfo=UTC)
    version = SimpleNamespace(number="3")
    assert module._missing(config, News(None, None, learned, 0)) is None
    assert module._missing(config, News(version, learned, datetime(2026, 5, 8, tzinfo=UTC), 10)) is None
    assert "9 new matured conversions of 10 since version 3" in module._missing(
        config, News(version, learned, datetime(2026, 5, 8, tzinfo=UTC), 9)
    )
    assert "6 new matured days of 7" in module._missing(
        config, News(version, learned, datetime(2026, 5, 7, tzinfo=UTC), 10)
    )
