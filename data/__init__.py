"""Text and its numbers: from a show's script to ids and back. Imports no other room."""
