"""Members: who belongs to an organization, changed by its admins and by themselves."""
