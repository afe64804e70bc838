"""Throttle: how often something may be tried, counted before it is judged."""
