"""What second factors share: where authenticator apps and recovery codes are kept."""
