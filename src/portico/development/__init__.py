"""Development: demo people, the mailbox page and the clock control. Absent in production."""
