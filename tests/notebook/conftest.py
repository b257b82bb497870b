"""One connection to the small world, and each step on it, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import propensity as pp
from conftest import small_config

AS_OF = "2026-06-01"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what is written lands."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="session")
def crm(small_world, place):
    with pp.connect(small_config(small_world, place)) as opened:
        yield opened


@pytest.fixture(scope="session")
def spine(crm):
    return pp.snapshots(crm, every="1 month", horizon_days=30)


@pytest.fixture(scope="session")
def data(crm, spine):
    return pp.features(crm, spine)


@pytest.fixture(scope="session")
def sixty(crm, spine):  # noqa: ARG001 - the other spine is open meanwhile
    """Features of snapshots whose horizon is longer than their step."""
    return pp.features(crm, pp.snapshots(crm, every="1 month", horizon_days=60))


@pytest.fixture(scope="session")
def parts(data):
    return pp.forward_split(data, test_share=0.25)


@pytest.fixture(scope="session")
def model(parts):
    past, _ = parts
    return pp.PropensityClassifier(max_trees=60).fit(past.X, past.y, as_of=past.as_of, groups=past.account_id)


@pytest.fixture(scope="session")
def report(model, parts):
    return pp.evaluate(model, parts[1], resamples=50)


@pytest.fixture(scope="session")
def scored(model, crm):
    return pp.score(model, crm, as_of=AS_OF)


@pytest.fixture(scope="session")
def calls(scored):
    return pp.rank(scored, capacity=20)


@pytest.fixture
def flat_config(tmp_path):
    """Writes forty leads of one table, and the configuration that reads them."""

    def write(*, dated: bool = False, leads: str = "") -> Path:
        lines = ["lead_id,created_at,source,outcome" if dated else "lead_id,source,outcome"]
        for n in range(40):
            when = f"2024-{n // 4 + 1:02}-03," if dated else ""
            lines.append(f"L{n:02},{when}{'web' if n % 3 else 'fair'},{'yes' if n % 4 == 0 else 'no'}")
        (tmp_path / "leads.csv").write_text("\n".join(lines) + "\n")
        config = tmp_path / "crm.yaml"
        config.write_text(
            f"tables: {{leads: {{path: leads.csv{leads}}}}}\npaths: {{quarantine: quarantine}}\n"
            + ("data: {through: 2025-06-01}\n" if dated else "")
        )
        return config

    return write


@pytest.fixture
def flat(flat_config):
    """Opens forty leads of one table; the columns and what the YAML file says of them are up to the test."""
    opened: list[Any] = []

    def connect(*, dated: bool = False, leads: str = "") -> Any:
        opened.append(pp.connect(flat_config(dated=dated, leads=leads)))
        return opened[-1]

    yield connect
    for crm in opened:
        crm.close()
