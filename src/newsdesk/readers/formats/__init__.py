"""The formats: `read_…` yields records of a stream or file; other modules serve HTML, JSON and sheets."""
