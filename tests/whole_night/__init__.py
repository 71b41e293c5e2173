"""A raid night whose truth is known, through the site."""
