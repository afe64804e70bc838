"""What administrators of the deployment and of an organization see and do."""
