"""One show: its script read, split and fetched."""
