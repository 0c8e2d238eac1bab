"""What leaves: a trained network as files that need none of this project's code."""
