"""Inner validation on outlets left out of the training and validation articles: audits and the search."""
