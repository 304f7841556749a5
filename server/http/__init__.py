"""The HTTP side: the API under /api/v1, health, and the built client's files."""

from server.http.application import HttpDeps, Readiness, http_connection, make_http, make_runner

__all__ = ["HttpDeps", "Readiness", "http_connection", "make_http", "make_runner"]
