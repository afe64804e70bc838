"""The second step of one's own sign-in: authenticator app and recovery code."""
