"""Passkeys: what a browser is asked, what it answers, and what is kept of them (W3C Web Authentication Level 3)."""
