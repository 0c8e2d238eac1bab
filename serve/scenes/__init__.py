"""Scenes: what is asked for, and how it is written."""
