"""The formats: `read_…` yields the records of a stream or file; the other modules serve pages and JSON."""
