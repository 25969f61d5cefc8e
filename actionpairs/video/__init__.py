"""Videos in, wanted frames out: exact to the frame, and no frame decoded that nobody needs."""
