"""Server, engine core, storage and clients in one process, under virtual time, with faults chosen by a seed.

`python -m tests.simulation --seed N` plays one seed and tells its story; `--seeds A..B` sweeps a range. Everything
that happens follows from the seed: a failing one fails again.
"""
