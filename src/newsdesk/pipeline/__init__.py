"""The DVC stages: each reads files, calls pure functions and writes files."""
