"""The examples in deploy/, held to the command line and to what operations wants: right verbs, UTC, no root, known codes."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest
import yaml

from cli.conftest import run
from propensity import errors

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CODES = {
    kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
}


def commands() -> dict[str, list[str]]:
    """Every propensity command of the examples, without the program."""
    found: dict[str, list[str]] = {}
    for path in sorted(DEPLOY.glob("*.service")):
        found[path.name] = shlex.split(unit(path)["Service"]["ExecStart"])[1:]
    for line in (DEPLOY / "propensity.cron").read_text().splitlines():
        if (call := re.search(r"bin/propensity (\w+ .*?)(?: 2>/dev/null)?$", line)) is not None:
            found[f"cron {call[1][:7]}"] = shlex.split(call[1])
    for job in jobs():
        found[job["metadata"]["name"]] = container(job)["args"]
    words = re.search(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert words is not None
    found["Dockerfile"] = yaml.safe_load(words[1])
    return found


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(path)
    return parser


def jobs() -> list[dict]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes-cronjob.yaml").read_text()))


def container(job: dict) -> dict:
    (found,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize(("place", "words"), commands().items())
def test_every_example_calls_a_command_that_there_is(place, words):
    verb, *options = words
    assert verb in {"nightly", "retrain"}, place
    said = run(verb, "--help").out
    assert all(option in said for option in options if option.startswith("--"))
    assert options[options.index("--config") + 1] == "/etc/propensity/crm.yaml"


def test_schedules_are_in_utc_and_end():
    for path in DEPLOY.glob("*.timer"):
        assert unit(path)["Timer"]["OnCalendar"].endswith(" UTC")
        assert (DEPLOY / path.with_suffix(".service").name).exists()
    for job in jobs():
        assert (job["spec"]["timeZone"], job["spec"]["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
        assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] >= 3600


def test_nothing_runs_as_root_or_may_become_it():
    for path in DEPLOY.glob("*.service"):
        service = unit(path)["Service"]
        assert (service["User"], service["NoNewPrivileges"], service["UMask"]) == (
            "propensity",
            "yes",
            "0077",
        )
    for job in jobs():
        assert (
            job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
        )
        assert container(job)["securityContext"]["readOnlyRootFilesystem"] is True
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") < next(
        n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT")
    )
    assert "--require-hashes" in "\n".join(lines)


def test_what_the_image_copies_is_there_and_let_through():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert name in kept
        assert (ROOT / name).exists()


def test_codes_that_are_not_tried_again_are_ours_and_do_not_pass():
    for job in jobs():
        (rule,) = job["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
        assert rule["onExitCodes"]["containerName"] == container(job)["name"]
        # A full disk may have room for another pod; a mistake of ours is worth a second look.
        assert set(rule["onExitCodes"]["values"]) == CODES - {1, 5}


def test_operations_says_what_to_do_at_each_code():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for code in row.split(",")
    }
    assert told >= CODES | {0}
