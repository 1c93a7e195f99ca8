"""The benchmark's own modules; `run` beside this directory is the command."""
