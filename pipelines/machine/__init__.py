"""The machine that runs happen on: what is there, what must be fetched or waited for."""
