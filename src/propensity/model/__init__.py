"""The classifier, its calibration, the scorecard, and the model as it is saved."""
