"""`holdspace doctor`: one check for each thing the server depends on. They look, and change nothing."""
