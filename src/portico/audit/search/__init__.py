"""Searching the trail, and taking it out: as a table for people, as lines that can be verified anywhere."""
