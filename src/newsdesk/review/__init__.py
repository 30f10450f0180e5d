"""Sample articles for human review, and merge the corrections."""
