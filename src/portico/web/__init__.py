"""HTTP and nothing else: routing, cookies, forgery protection, headers, errors, templates. Knows no feature."""
