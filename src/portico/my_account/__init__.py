"""My Account: what a signed-in person sees and changes about themselves."""
