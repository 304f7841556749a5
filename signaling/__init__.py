"""WebSocket sessions: a person's socket, outbox and way back after a lost connection.

Knows rooms and the wire; knows neither media nor storage, which it reaches through the ports in `signaling.ports`.
"""
