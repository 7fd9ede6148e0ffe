"""Files that are written whole, checksummed, and verified before they are read."""
