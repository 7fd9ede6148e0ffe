"""Looking after a store: verify, repair, gc."""
