"""Bringing a snapshot of EQdkp Plus into Guildhall, a step a table, in batches that stand or fall whole.

The same code runs a dry run and a real one: it decides and counts, and only `Context` writes, or does not. Running it
again finds the `LegacyRecord`s of what is there and brings what is new or changed, which is also how an import that was
killed goes on.
"""
