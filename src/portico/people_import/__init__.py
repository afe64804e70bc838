"""Importing people from elsewhere, with the password hashes they have there."""
