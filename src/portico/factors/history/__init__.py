"""The passwords an account has had before: kept while somebody asks that they are not used again (S87)."""
