"""Signing in: users of the store and of the configuration, their passwords, their browsers' sessions.

`users` keeps the book, `passwords` hashes, `sessions` is what a cookie stands for, `signin` puts them
together with the brake of `core.brake`; `cli` is `gateway user`. Knows nothing of HTTP.
"""
