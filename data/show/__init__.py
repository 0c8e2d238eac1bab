"""One show: its script downloaded, read and split into train, validation and test text."""
