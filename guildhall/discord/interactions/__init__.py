"""Slash commands, autocomplete, buttons and forms over plain HTTP: no separate bot process is needed."""
