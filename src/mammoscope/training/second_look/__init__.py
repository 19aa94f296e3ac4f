"""Training of the second look at regions: a mass, or one of the things that look like one."""
