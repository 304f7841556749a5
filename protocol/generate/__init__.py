"""Writes out the declarations of `protocol` for other readers: TypeScript, prose, AsyncAPI.

    python -m protocol.generate           writes the files
    python -m protocol.generate --check   names those that are stale, and exits with 1

Rendering is pure; only `__main__` reads and writes files.
"""
