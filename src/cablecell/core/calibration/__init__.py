"""Calibration: lenses, where the cameras sit on the tool, where the tip of a plug is. Functions of views, no files."""
