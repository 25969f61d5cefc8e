"""What `push` sends to the hub: which folder it is, what must not go up, its card, and the upload itself."""
