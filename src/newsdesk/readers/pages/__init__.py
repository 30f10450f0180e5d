"""Saved pages, the visible text of an article page: headline, body and what surrounds them."""
