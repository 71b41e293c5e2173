"""Importing a snapshot of EQdkp Plus into Guildhall, table by table, in batches that are one transaction each.

`loop.bring` is the one loop: old rows, our rows, their difference (`difference`, without a database), apply. Each kind of row is
a small class with the same methods (`loop.RowKind`). A dry run runs the same code, with `Context.commit` off. Running an import
again finds the `LegacyRecord`s of what is there and brings what is new or changed, which is also how an import that was
killed continues.
"""
