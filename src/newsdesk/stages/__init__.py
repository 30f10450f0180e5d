"""The DVC stages: each reads files, calls pure functions, writes files, and is a command of its own."""
