"""Metrics, splits, baselines, leave-one-outlet-out comparison and hyper-parameter search."""
