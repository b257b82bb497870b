import numpy as np
import pytest

from propensity import stats


def clustered(seed, clusters=60, size=10):
    """Rows of one cluster share their prediction and most of their fate."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=clusters)
    cluster = np.repeat(np.arange(clusters), size)
    x = shared[cluster] + 0.1 * rng.normal(size=cluster.size)
    truth = 1 / (1 + np.exp(-(x + rng.normal(size=clusters)[cluster] * 2)))
    y = (rng.random(cluster.size) < truth).astype(int)
    return y, 1 / (1 + np.exp(-x)), cluster


def test_same_seed_same_intervals_whatever_the_number_of_processes():
    y, p, cluster = clustered(0)
    one = stats.bootstrap(y, p, seed=3, cluster=cluster, resamples=12)
    assert stats.bootstrap(y, p, seed=3, cluster=cluster, resamples=12, n_jobs=2) == one
    assert stats.bootstrap(y, p, seed=4, cluster=cluster, resamples=12) != one


def test_cluster_names_do_not_matter():
    y, p, cluster = clustered(0)
    named = np.array([f"account-{c:03d}" for c in cluster], dtype=object)
    assert stats.bootstrap(y, p, seed=1, cluster=named, resamples=20) == stats.bootstrap(
        y, p, seed=1, cluster=cluster, resamples=20
    )


def test_clusters_widen_the_interval():
    y, p, cluster = clustered(1)
    by_row = stats.bootstrap(y, p, seed=0, metrics=["roc_auc"], resamples=200)["roc_auc"]
    by_cluster = stats.bootstrap(y, p, seed=0, cluster=cluster, metrics=["roc_auc"], resamples=200)["roc_auc"]
    assert by_cluster.high - by_cluster.low > 1.5 * (by_row.high - by_row.low)
    assert by_row.value == by_cluster.value


def test_cluster_intervals_cover_and_row_intervals_do_not():
    y, p, _ = clustered(99, clusters=20000)
    truth = stats.roc_auc(y, p)
    hits = {"cluster": 0, "row": 0}
    for seed in range(60):
        y, p, cluster = clustered(seed)
        for how, ids in (("cluster", cluster), ("row", None)):
            m = stats.bootstrap(y, p, seed=seed, cluster=ids, metrics=["roc_auc"], resamples=150)["roc_auc"]
            hits[how] += m.low <= truth <= m.high
    assert hits["cluster"] >= 51
    assert hits["row"] < hits["cluster"] - 5


def test_resamples_without_both_classes_are_left_out_and_few_left_give_no_interval():
    y, p = [1, 0, 0, 0], [0.9, 0.1, 0.2, 0.3]
    m = stats.bootstrap(y, p, seed=0, metrics=["roc_auc"], resamples=50)["roc_auc"]
    assert (m.value, m.low, m.high) == (1, 1, 1)
    y, p = [1, 0, 0], [0.9, 0.1, 0.2]
    m = stats.bootstrap(y, p, seed=0, cluster=["a", "b", "b"], metrics=["roc_auc"], resamples=200)["roc_auc"]
    assert np.isnan([m.low, m.high]).all() or m.low == 1


def test_paired_finds_a_worse_challenger_where_separate_intervals_overlap():
    rng = np.random.default_rng(5)
    p = rng.beta(1, 4, 4000)
    y = (rng.random(4000) < p).astype(int)
    worse = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + rng.normal(0, 0.7, 4000))))
    found = stats.paired(y, p, worse, seed=0, resamples=150)
    assert found["roc_auc"].worse
    assert found["log_loss"].worse
    assert found["log_loss"].value > 0 > found["roc_auc"].value
    assert found["roc_auc"].share_worse == 1
    back = stats.paired(y, worse, p, seed=0, resamples=150)
    assert back["roc_auc"].better
    assert back["roc_auc"].value == pytest.approx(-found["roc_auc"].value)


def test_paired_of_equal_predictions_is_neither_worse_nor_better():
    y, p, cluster = clustered(2)
    for d in stats.paired(y, p, p.copy(), seed=0, cluster=cluster, resamples=30).values():
        assert (d.value, d.low, d.high, d.share_worse, d.worse, d.better) == (0, 0, 0, 0.5, False, False)


def test_unknown_metric_and_no_resamples_are_refused():
    with pytest.raises(ValueError, match="No such metric: auc"):
        stats.bootstrap([0, 1], [0.1, 0.2], seed=0, metrics=["auc"])
    with pytest.raises(ValueError, match="at least 1"):
        stats.bootstrap([0, 1], [0.1, 0.2], seed=0, resamples=0)
