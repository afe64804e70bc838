"""Invitations: asking people by mail to join an organization, and letting them in once (D27)."""
