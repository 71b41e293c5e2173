"""What later apps hang onto awards, called inside their transactions. Registered in an `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable

from .models import LootDistribution

CorrectionHook = Callable[[LootDistribution, LootDistribution], None]
_correction_hooks: list[CorrectionHook] = []


def on_correction(hook: CorrectionHook) -> CorrectionHook:
    """Register ``hook(old, new)``: an award has just been replaced by another."""
    _correction_hooks.append(hook)
    return hook


def run_correction_hooks(old: LootDistribution, new: LootDistribution) -> None:
    """Call every correction hook, in the order of registration."""
    for hook in _correction_hooks:
        hook(old, new)
