"""What therapists have to know of a session, as a stream of its own: no room knows it, so no room can tell.

The same shape as `rooms`: commands, events, `decide`, `evolve`, and `view`, which says who sees what of it.
"""
