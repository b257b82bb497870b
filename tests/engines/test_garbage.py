"""The collector is as it was afterwards, whatever happens in between."""

from __future__ import annotations

import gc

import pytest

from propensity.engines.garbage import settled, uncollected


@pytest.fixture
def unfrozen():
    """The tests' own freezing of what they loaded, out of the way."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("unfrozen")
def test_what_was_there_is_kept_from_the_collector_within_the_block_alone():
    with pytest.raises(ValueError, match="on purpose"), settled():
        assert gc.get_freeze_count() > 1_000
        with settled():
            pass
        assert gc.get_freeze_count() > 1_000, "a block within another lets nothing go"
        raise ValueError("on purpose")
    assert gc.get_freeze_count() == 0


def test_the_collector_is_off_within_the_block_alone():
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
