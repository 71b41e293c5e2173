"""Names that are like a name nobody knows, for "did you mean".

Invariant: the work of one call is bounded. Each unknown name is compared with all that are known; beyond so many
comparisons the rest of the names get no suggestions, and are unknown all the same.
"""

from __future__ import annotations

from collections.abc import Collection

from rapidfuzz import fuzz, process, utils

#: Comparisons of two names that one call makes: some tenths of a second.
MOST_COMPARISONS = 1_000_000


def alike(
    names: Collection[str], known: Collection[str], *, limit: int, cutoff: int, longest: int
) -> dict[str, list[str]]:
    """Return what each of `names` probably means, the likeliest first.

    Args:
        names: what nobody knows; the first of them are compared, as many as `MOST_COMPARISONS` allows.
        known: what it may mean.
        limit: at most so many for each name.
        cutoff: how alike they must be, 0 to 100.
        longest: letters of a name that are compared.

    Returns:
        A list for each name, empty where nothing is alike or the name was not compared.
    """
    choices = {name: utils.default_process(name) for name in known}
    left = MOST_COMPARISONS
    found: dict[str, list[str]] = {}
    for name in names:
        if name in found:
            continue
        left -= len(choices)
        if left < 0 or not choices:
            found[name] = []
            continue
        hits = process.extract(
            utils.default_process(name[:longest]), choices, scorer=fuzz.ratio, limit=limit, score_cutoff=cutoff
        )
        found[name] = [key for _text, _score, key in hits]
    return found
