"""The web page: a Gradio app with one file for each tab."""
