"""A small Discord bot for Guildhall: it passes on what is written in bidding channels, and changes of members."""
