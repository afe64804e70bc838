"""Jobs: what runs beside the requests, such as queueing mails, sending them and sweeping."""
