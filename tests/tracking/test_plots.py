from propensity.tracking.plots import gains_plot, importance_plot, reliability_plot


def test_gains_have_a_line_for_each_evaluation_and_one_for_chance(models):
    (axes,) = gains_plot({"model": models[1], "scorecard": models[1]}).axes
    assert [line.get_label() for line in axes.lines] == ["model", "scorecard", "at random"]
    assert axes.lines[0].get_xdata()[-1] == axes.lines[0].get_ydata()[-1] == 1


def test_reliability_has_a_point_with_its_interval_for_each_bin(models):
    (axes,) = reliability_plot(models[1]).axes
    (points,) = axes.containers
    bars = points.lines[2][0].get_segments()
    assert [(s[0][1], s[1][1]) for s in bars] == [(b.low, b.high) for b in models[1].reliability]


def test_importance_is_ranked_and_cut(tmp_path):
    figure = importance_plot({f"concept $_{i:02}$": i / 10 for i in range(25)})
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"concept $_{i:02}$" for i in range(24, 4, -1)]
    figure.savefig(tmp_path / "x.png")


def test_nothing_to_draw_is_drawn(tmp_path):
    importance_plot({}).savefig(tmp_path / "x.png")
    gains_plot({}).savefig(tmp_path / "y.png")
    assert (tmp_path / "x.png").stat().st_size > 0
    assert (tmp_path / "y.png").stat().st_size > 0


def test_no_global_figure_is_left(models):
    from matplotlib import pyplot as plt  # noqa: PLC0415

    before = plt.get_fignums()
    gains_plot({"model": models[1]})
    assert plt.get_fignums() == before
