"""Clean raw articles: repair, refuse, label, group near-duplicates, split."""
