"""Text and token ids: scripts, tokenizer, vocabulary, batches. Imports no other package."""
