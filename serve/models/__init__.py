"""Exported models: the bundles on disk and the two inference runtimes."""
