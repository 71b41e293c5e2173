"""`examples/bot`, run as a process against the pretend Discord and a served Guildhall."""
