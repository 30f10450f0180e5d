"""Linear classifiers, calibration and thresholds."""
