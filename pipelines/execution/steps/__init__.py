"""One step from its first shard to its last: what begins when, and what is committed."""
