"""Attempts of apps that wait while something is done in the browser for them."""
