"""Rerun a committed DVC lock and compare its outputs."""
