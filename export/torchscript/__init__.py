"""The TorchScript file: text in, text out."""
