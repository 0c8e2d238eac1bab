"""Readers of script formats: one file each, one registry."""
