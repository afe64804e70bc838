"""Policies in the database: their versions, and what they come to for one person."""
