"""Reports for people: one insertion, a shift, a calibration; as HTML that needs nothing beside it, or as PDF."""
