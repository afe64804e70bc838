"""Mail: typed messages, the letters written from them, the outbox they wait in and the sender that hands them over."""
