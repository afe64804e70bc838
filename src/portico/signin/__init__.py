"""Signing in: the decision core, the attempts it works on and the doors that show its steps."""
