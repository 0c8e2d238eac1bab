"""Many shows made ready to be trained on without being loaded."""
