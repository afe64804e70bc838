"""Organizations: who belongs to them, as what, and what they ask of their members."""
