"""Audit: the events that record every change, appended in the transaction of the change."""
