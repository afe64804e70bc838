"""Changing one's mail address: confirmed at both mailboxes, or with a second factor and a week's wait (D22)."""
