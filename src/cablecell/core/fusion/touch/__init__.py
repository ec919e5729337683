"""Where a port is, found by touching it: contact geometry, and the likeliest pose from the faces that were touched."""
