"""A file, read; and what is said of one that cannot be."""

from __future__ import annotations

import pytest

from propensity.config.file import load_config
from propensity.errors import ConfigError

LEADS = "tables: {leads: {path: leads.csv}}\n"


@pytest.fixture
def read(tmp_path):
    def run(text=LEADS, *overrides):
        path = tmp_path / "c.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path, overrides)

    return run


@pytest.fixture
def mistakes(read):
    """What the loader says, line by line."""

    def run(text=LEADS, *overrides):
        with pytest.raises(ConfigError) as refused:
            read(text, *overrides)
        assert refused.value.exit_code == 2
        return [line.strip() for line in str(refused.value).splitlines()]

    return run
