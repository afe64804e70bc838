"""Domains: which mail addresses are an organization's own, claimed and proven by its DNS."""
