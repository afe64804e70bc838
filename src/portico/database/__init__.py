"""Floor 2: the database.

Owns the one small port through which stores speak SQL (:mod:`portico.database.engine`), the two databases behind it
(SQLite for one process, PostgreSQL for several) and the schema with its migrations. Knows no feature: what a row means
is the business of the store that reads it.
"""
