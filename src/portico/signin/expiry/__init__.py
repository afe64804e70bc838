"""What the end of a password means for a session that is open."""
