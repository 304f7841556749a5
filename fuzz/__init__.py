"""Fuzzing of every parser that the network reaches: `python -m fuzz TARGET --runs N`. See docs/fuzzing.md."""
