"""Reminders that a password is about to expire: when, for whom, and the ledger of what was sent (S88, D11)."""
