"""The web page and its API: loads exported bundles and generates scenes with them."""

from serve import gradio_import

gradio_import.install()
