"""Register models, compare and promote them, and keep a ledger of champions."""
