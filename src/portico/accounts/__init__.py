"""Accounts: who a person is to us; addresses, Portico IDs, profile, security epoch."""
