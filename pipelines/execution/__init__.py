"""Stages times shards makes fates: the same code in this process and on Ray."""
