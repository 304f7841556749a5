"""A room as a value: state, decide, evolve, and what each viewer sees of it.

Pure and total: no I/O, no clock, no randomness; time, ids and random choices arrive as arguments.
    decide(state, command, now_ms) -> Accepted(events) | Rejection
    evolve(state, event) -> state
    project(event, before, after, viewer) -> frame | None
"""
