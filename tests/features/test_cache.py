"""A frame that was computed once is not computed again, unless anything that shapes it changed."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from propensity.features import cache
from propensity.features.cache import MOST_FRAMES, cached_frame


@pytest.fixture
def canonical(demo):
    """The demo's tables with hashes, as files have them."""
    tables = {
        name: replace(table, sha256=f"hash of {name}") for name, table in demo.canonical.report.tables.items()
    }
    return replace(demo.canonical, report=replace(demo.canonical.report, tables=tables))


@pytest.fixture
def kept(demo, demo_frame, canonical, tmp_path):
    """A folder that holds the demo's frame."""
    cached_frame(canonical, demo.through, tmp_path / "cache", lambda: demo_frame)
    return tmp_path / "cache"


def not_again():
    raise AssertionError("computed again")


def test_a_second_training_reads_the_same_frame(demo, demo_frame, canonical, kept):
    frame = cached_frame(canonical, demo.through, kept, not_again)
    assert frame.table.equals(demo_frame.table)
    assert frame.spec_hash == demo_frame.spec_hash
    assert frame.names == demo_frame.names
    assert frame.horizon_days == demo_frame.horizon_days


def test_only_its_owner_may_read_it_and_nothing_half_written_stays(kept):
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    assert sorted(path.suffix for path in kept.iterdir()) == [".parquet", ".sha256"]


def test_other_data_another_end_or_other_snapshots_are_computed(demo, canonical, kept):
    tables = canonical.report.tables
    other = {**tables, "leads": replace(tables["leads"], sha256="another")}
    config = canonical.config
    longer = config.model_copy(update={"outcome": config.outcome.model_copy(update={"horizon_days": 31})})
    for changed, through in (
        (replace(canonical, report=replace(canonical.report, tables=other)), demo.through),
        (replace(canonical, config=longer), demo.through),
        (canonical, None),
    ):
        with pytest.raises(AssertionError, match="computed again"):
            cached_frame(changed, through, kept, not_again)


def test_a_damaged_frame_is_computed_and_mended(demo, demo_frame, canonical, kept):
    (path,) = kept.glob("*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(AssertionError, match="computed again"):
        cached_frame(canonical, demo.through, kept, not_again)
    cached_frame(canonical, demo.through, kept, lambda: demo_frame)
    assert cached_frame(canonical, demo.through, kept, not_again).table.equals(demo_frame.table)


def test_few_frames_are_kept(demo_frame, kept):
    small = demo_frame.table.slice(0, 5)
    for number in range(MOST_FRAMES + 2):
        cache._write(kept / f"{number}.parquet", small)
    cache._forget(kept)
    assert len(list(kept.glob("*.parquet"))) == len(list(kept.glob("*.sha256"))) == MOST_FRAMES


def test_without_a_folder_or_a_hash_nothing_is_kept(demo, demo_frame, canonical, tmp_path):
    tables = {name: replace(table, sha256=None) for name, table in canonical.report.tables.items()}
    unhashed = replace(canonical, report=replace(canonical.report, tables=tables))
    for tables_, folder in ((canonical, None), (unhashed, tmp_path / "none")):
        assert cached_frame(tables_, demo.through, folder, lambda: demo_frame) is demo_frame
    assert not (tmp_path / "none").exists()
