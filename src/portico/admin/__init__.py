"""Admin: what those do who run an organization, and operators, through the API and the command line."""
