"""Registered versions, the ledger of champions, and promotion."""
