"""Security: mails that tell people what happened to their account, and their link "This was not me" (D22)."""
