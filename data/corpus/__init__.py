"""Many shows as one prepared corpus: token ids in memory-mapped files."""
