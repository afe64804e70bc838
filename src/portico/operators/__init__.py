"""What operators can see and do through the API."""
