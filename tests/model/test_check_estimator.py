from sklearn.utils.estimator_checks import parametrize_with_checks

from propensity.model.classifier import PropensityClassifier


@parametrize_with_checks([PropensityClassifier(max_trees=60, patience=10, n_folds=2)])
def test_scikit_learn_contract(estimator, check):
    before = estimator.get_params()
    check(estimator)
    assert estimator.get_params() == before
