"""The commands that are not stages."""
