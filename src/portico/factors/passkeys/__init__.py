"""Passkeys: discoverable credentials with user verification, by Web Authentication Level 3 (D15, D16)."""
