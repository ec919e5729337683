"""SE(3), frames, twists and wrenches."""
