"""The Hugging Face Hub: addresses, its client with our errors, and reading repositories as folders."""
