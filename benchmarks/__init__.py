"""`make bench`: how fast the hot endpoints answer a big guild, each beside its floor."""
