"""The steps that bring a database from empty to the present schema, as Alembic revisions with SQL written by hand.

Run by :mod:`portico.database.migrate` alone. A revision only adds; what is no longer used is removed one release later,
so that the running release and the next one can share a database while it is upgraded.
"""
