"""Sessions and devices: opened from a finished attempt, touched while used, ended."""
