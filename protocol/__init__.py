"""What travels between client and server: ids, messages, errors, codec.

Declared once here. `python -m protocol.generate` writes the client's types, docs/protocol.md and
docs/asyncapi.json from these declarations; `make check` fails when they are stale.
Pure: no I/O, no clock, no randomness.
"""
