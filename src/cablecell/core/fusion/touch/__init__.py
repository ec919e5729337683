"""Where a port is, found by touching it: contact geometry, evidence of touches, a particle filter and its plans."""
