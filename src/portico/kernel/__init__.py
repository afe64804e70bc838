"""Floor 0: time, chance, sealing, tokens, errors, messages and normal forms.

Owns the few things every other room needs. Knows no feature by name and does no I/O except asking the
system for the time and for random bytes.
"""
