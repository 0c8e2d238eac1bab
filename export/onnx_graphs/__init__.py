"""The ONNX models, built node by node."""
