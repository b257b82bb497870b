"""What follows a list: what monitoring found reaches who reads the night's summary."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

from propensity.monitoring.night import PROFILE
from propensity.unattended import after
from propensity.unattended.run import unattended
from unattended.conftest import Night

FEATURE = "engagement_inbound_count_7d"


def test_an_alarm_is_a_warning_of_the_night_that_says_what_drifted_and_what_to_do(night: Night, tmp_path):
    for name, as_of in (("2026-05-25", "2026-05-25T00:00:00Z"), ("2026-06-01", "2026-06-01T00:00:00Z")):
        profile = json.loads((night.list / PROFILE).read_text()) | {"as_of": as_of}
        if name == "2026-05-25":
            counts = profile["night"]["populations"]["open"]["counts"]
            # A week ago it was the other way round.
            counts[FEATURE] = counts[FEATURE][::-1]
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / PROFILE).write_text(json.dumps(profile))
    config = night.place.config(
        *(f"paths.{name}={tmp_path / name}" for name in ("out", "ledger", "reports", "state", "logs"))
    )
    session = SimpleNamespace(canonical=SimpleNamespace(config=config), through=None)
    done = after.monitor(after.Night(session, None, None, None, datetime(2026, 6, 1, tzinfo=UTC)))
    assert done is not None
    (alarm,) = [said for said in done.warnings if FEATURE in said]
    assert alarm.startswith("alarm: ")
    assert "drifted in the open leads, beside the same weekday of the weeks before: " in alarm
    assert "Look for a change in the CRM" in alarm
    assert done.note.startswith("1 alarm, ")
    told = unattended("nightly", config, lambda run: run.warn(*done.warnings), strict=True)
    assert (told.exit_code, alarm in told.warnings) == (6, True)


def test_beyond_a_few_the_page_has_the_rest(tmp_path):
    one = SimpleNamespace(severity="alarm", what="web visits drifted", do="Look.")
    found = SimpleNamespace(judged=SimpleNamespace(findings=[one] * 7), page=tmp_path / "monitor.html")
    said = after._told(found, "alarm")
    assert said[0] == "alarm: web visits drifted. Look."
    assert said[5:] == [f"2 more alarms: see {tmp_path}/monitor.html"]
    assert after._told(found, "warning") == []
