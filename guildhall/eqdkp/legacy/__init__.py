"""Reading what an EQdkp Plus installation left behind.

Nothing here touches Guildhall's own tables: a source (a dump, a running MySQL, the exports of the old API) is read
into one :class:`~guildhall.eqdkp.legacy.snapshot.Snapshot`, and every later step reads typed rows out of that.
"""
