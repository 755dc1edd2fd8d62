"""Measuring Clearance beside what its users would otherwise build, in one run on one machine."""
