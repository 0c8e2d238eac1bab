"""The TorchScript module: text in, text out."""
