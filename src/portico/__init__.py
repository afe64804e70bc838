"""Portico: the front door of a messenger. Accounts, sign-in, password reset and sessions.

Read ``signin/decide`` first: one pure function says what the next step of every sign-in is.
"""

__version__ = "0.1.0"
