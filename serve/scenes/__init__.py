"""Scenes: the checked request, its generation, and the scheduler."""
