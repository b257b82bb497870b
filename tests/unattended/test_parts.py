"""Freshness, retention, retries, notification: the rules, each by itself."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propensity.config.nightly import NightlyConfig, NotifyConfig, RetryConfig, VolumeConfig
from propensity.errors import ContractError, NightRefused, RegistryError, SourceError, SourceUnavailable
from propensity.unattended.events import Log, told
from propensity.unattended.freshness import refuse_backwards, refuse_stale, refuse_volumes
from propensity.unattended.notify import notified
from propensity.unattended.past import PastNight, past_nights
from propensity.unattended.retention import forget_old_nights, forget_scratch, old_nights
from propensity.unattended.retry import persisted

AT = datetime(2026, 6, 1, tzinfo=UTC)


def a_night(
    name: str = "2026-06-01", rows: dict[str, int] | None = None, through: datetime = AT
) -> PastNight:
    return PastNight(Path(name), through, through, rows or {}, {})


@given(hours=st.floats(0, 1_000), most=st.floats(1, 500))
def test_data_are_stale_exactly_when_they_are_older_than_allowed(hours, most):
    now = AT + timedelta(hours=hours)
    if now - AT > timedelta(hours=most):
        with pytest.raises(NightRefused, match="--accept-data"):
            refuse_stale(AT, now, most)
    else:
        refuse_stale(AT, now, most)
    refuse_stale(AT, now, None)
    refuse_stale(None, now, most)


def test_data_that_reach_less_far_than_the_last_list_are_refused():
    nights = (a_night(through=AT - timedelta(days=1)), a_night(through=AT))
    refuse_backwards(AT, nights)
    refuse_backwards(None, nights)
    refuse_backwards(AT - timedelta(days=9), ())
    with pytest.raises(NightRefused, match="clock was set back"):
        refuse_backwards(AT - timedelta(seconds=1), nights)


@given(
    before=st.lists(st.integers(1, 1_000), min_size=1, max_size=5),
    tonight=st.integers(0, 2_000),
    looked_at=st.integers(0, 4),
)
def test_a_table_is_off_when_no_night_looked_at_is_near(before, tonight, looked_at):
    nights = [a_night(rows={"leads": rows}) for rows in before]
    volume = VolumeConfig(min_ratio=0.5, max_ratio=1.5, nights=looked_at)
    compared = before[-looked_at:] if looked_at else []
    if compared and all(tonight < 0.5 * rows or tonight > 1.5 * rows for rows in compared):
        with pytest.raises(NightRefused, match="leads has"):
            refuse_volumes({"leads": tonight}, nights, volume)
    else:
        refuse_volumes({"leads": tonight}, nights, volume)


def test_a_table_may_have_bounds_of_its_own_and_a_new_one_has_nothing_to_compare_with():
    volume = VolumeConfig.model_validate({"tables": {"activities": {"min_ratio": 0.1}}})
    nights = [a_night(rows={"leads": 100, "activities": 100})]
    refuse_volumes({"leads": 90, "activities": 20, "stages": 5}, nights, volume)
    with pytest.raises(
        NightRefused, match=r"leads has 50 rows, the last night 100 \(allowed: 0.8 to 2 times\)"
    ):
        refuse_volumes({"leads": 50, "activities": 20}, nights, volume)


def test_bounds_that_hold_nothing_are_refused():
    with pytest.raises(ValueError, match=r"tables\.stages\.min_ratio 3\.0 lies above max_ratio 2\.0"):
        VolumeConfig.model_validate({"tables": {"stages": {"min_ratio": 3}}})


def leave_night(out: Path, name: str, *, damaged: bool = False) -> None:
    folder = out / name
    folder.mkdir(parents=True)
    (folder / "list.csv").write_text(name)
    digest = hashlib.sha256(b"other" if damaged else name.encode()).hexdigest()
    through = f"{name}T00:00:00Z"
    manifest = {
        "as_of": through,
        "data_through": through,
        "inputs": {},
        "files": {"list.csv": {"sha256": digest}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_old_nights_go_and_everything_else_stays(tmp_path):
    for day in range(1, 6):
        leave_night(tmp_path, f"2026-06-0{day}", damaged=day > 2)
    leave_night(tmp_path, "what-if")
    (tmp_path / ".removed-2026-05-01").mkdir()
    assert forget_old_nights(tmp_path, 2) == ("2026-06-03", "2026-06-01")
    # The second is beyond the newest two, and the newest whose files are what their manifest says.
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-06-02",
        "2026-06-04",
        "2026-06-05",
        "what-if",
    ]
    assert forget_old_nights(tmp_path, None) == ()


@settings(max_examples=25, deadline=None)
@given(damaged=st.lists(st.booleans(), min_size=1, max_size=6), keep=st.integers(1, 7))
def test_the_newest_good_list_is_never_deleted(tmp_path_factory, damaged, keep):
    out = tmp_path_factory.mktemp("out")
    for day, broken in enumerate(damaged, 1):
        leave_night(out, f"2026-06-0{day}", damaged=broken)
    nights = past_nights(out)
    gone = {night.folder.name for night in old_nights(nights, keep)}
    good = [night.folder.name for night in nights if night.whole()]
    assert not good or good[-1] not in gone
    assert not gone & {night.folder.name for night in nights[-keep:]}


def test_what_a_dead_run_left_goes_after_a_day(tmp_path):
    for path in (tmp_path / ".partial-a", tmp_path / "2026-06-01" / ".partial-b"):
        path.mkdir(parents=True)
    written = datetime.fromtimestamp((tmp_path / ".partial-a").stat().st_mtime, UTC)
    assert forget_scratch(tmp_path, written + timedelta(hours=23)) == 0
    assert forget_scratch(tmp_path, written + timedelta(hours=25)) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["2026-06-01"]


def test_what_is_said_of_an_error_outside_the_screen_holds_no_values():
    said = told(
        ContractError("leads: the table's 9 rows, such as row 3: 'Ada', \"O'Brien\"; the rule's examples")
    )
    assert said == "leads: the table's 9 rows, such as row 3: '...', '...'; the rule's examples"
    assert told(RegistryError("postgresql://ann:s3cret@db")) == "postgresql://***@db"
    assert told(ValueError("Ada")) == "ValueError, which propensity did not expect"


def test_what_transient_is_tried_again_and_nothing_else_is():
    waited: list[float] = []
    failures = [SourceUnavailable("busy"), SourceUnavailable("busy"), None]

    def work() -> str:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return "done"

    retry = RetryConfig(attempts=3, first_wait_seconds=1, factor=3)
    assert persisted(work, retry, Log("run", AT), what="check", sleep=waited.append) == "done"
    assert waited == [1.0, 3.0]
    failures[:] = [SourceUnavailable("one"), SourceUnavailable("two"), SourceUnavailable("three")]
    with pytest.raises(SourceUnavailable, match="three"):
        persisted(work, retry, Log("run", AT), what="check", sleep=waited.append)
    failures[:] = [SourceError("gone"), None]
    with pytest.raises(SourceError, match="gone"):
        persisted(work, retry, Log("run", AT), what="check", sleep=waited.append)
    assert len(waited) == 4


SUMMARY = {"exit_code": 3, "warnings": [], "why": "the data"}


def test_the_command_gets_the_summary_and_its_failure_is_a_warning(tmp_path):
    script = f"import sys; open({str(tmp_path / 'got')!r}, 'w').write(sys.stdin.read())"
    assert notified(NotifyConfig(command=(sys.executable, "-c", script)), SUMMARY) == ()
    assert json.loads((tmp_path / "got").read_text()) == SUMMARY
    (failed,) = notified(
        NotifyConfig(command=(sys.executable, "-c", "raise SystemExit(3)", "s3cret")), SUMMARY
    )
    assert failed.endswith("ended with 3")
    assert "s3cret" not in failed
    (slow,) = notified(NotifyConfig(command=("sleep", "5"), timeout_seconds=0.1), SUMMARY)
    assert "longer than 0.1 seconds" in slow
    (missing,) = notified(NotifyConfig(command=("no-such-program",)), SUMMARY)
    assert "cannot be run" in missing


def test_only_trouble_is_told_where_that_is_wanted(tmp_path):
    notify = NotifyConfig(command=("touch", str(tmp_path / "told")), only_trouble=True)
    notified(notify, {"exit_code": 0, "warnings": []})
    assert not (tmp_path / "told").exists()
    notified(notify, {"exit_code": 0, "warnings": ["one"]})
    assert (tmp_path / "told").exists()


@pytest.fixture
def listener():
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response({"/s3cret": 200, "/moved": 302}.get(self.path, 500))
            self.send_header("Location", "/s3cret")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_webhook_gets_the_summary_and_no_warning_holds_its_address(listener, monkeypatch):
    address, got = listener
    notify = NotifyConfig(webhook="HOOK", timeout_seconds=5)
    warnings: list[str] = []
    for path in ("/s3cret", "/other-s3cret", "/moved"):
        monkeypatch.setenv("HOOK", address + path)
        warnings += notified(notify, SUMMARY)
    assert [json.loads(body) for body in got] == [SUMMARY] * 3
    assert warnings == ["nightly.notify.webhook answered 500", "nightly.notify.webhook answered 302"]
    for elsewhere in ("http://example.com/s3cret", "file:///etc/s3cret", ""):
        monkeypatch.setenv("HOOK", elsewhere)
        (warning,) = notified(notify, SUMMARY)
        assert "HOOK holds no https address" in warning
        assert "s3cret" not in warning


def test_a_log_that_cannot_be_written_costs_no_night(tmp_path):
    (tmp_path / "logs").write_text("a file")
    log = Log("run", AT)
    log.open(tmp_path / "logs")
    log.event("begin")
    assert "paths.logs" in log.problem


def test_the_defaults_are_safe():
    defaults = NightlyConfig()
    assert defaults.keep_nights is None
    assert defaults.most_stale_hours == 36
