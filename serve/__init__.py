"""The web page and its API: loads exported bundles and generates scenes with them."""
