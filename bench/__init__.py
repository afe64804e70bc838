"""What Portico costs: CPU time, memory and start, each beside something whose cost everybody knows.

``python -m bench`` measures and prints one table; ``README.md`` beside this file says how to repeat it by other means.
Benchmarks inform: no test fails on what they say.
"""
