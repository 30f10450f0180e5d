"""One module a format; each yields the articles and refusals of a stream or file."""
