"""The free text that the base network is trained on: where it is from, and how it is read."""
