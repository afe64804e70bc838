"""One's own passkeys, and what is remembered of how one wants to be asked."""
