"""Factors: each answers one question, whether a proof is good. None can finish a sign-in."""
