"""Figures from real runs: a server process of its own, loaded through its real signaling by light clients."""
