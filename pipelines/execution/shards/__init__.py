"""The work of one shard: from rows to fates to files."""
