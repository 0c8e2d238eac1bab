"""Exports a trained network to files that need none of this project's code."""
