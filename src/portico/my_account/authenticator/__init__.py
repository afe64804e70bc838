"""The second step of one's own sign-in: authenticator app, passkeys, recovery code, and what one is asked for first."""
