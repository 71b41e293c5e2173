"""Background work on points: thin, each calls a service."""

from __future__ import annotations

from celery import shared_task

from guildhall.core import audit

from .verification import verify


@shared_task
def verify_ledger_nightly() -> str:
    """Recompute the ledger; a difference is logged as an error and kept in the audit trail."""
    import logging

    differences = verify()
    for difference in differences:
        logging.getLogger(__name__).error("verify_ledger: %s", difference)
    if differences:
        audit.record(
            action="points.verify_failed",
            summary=f"verify_ledger found {len(differences)} differences",
            data={"differences": [str(difference) for difference in differences[:100]]},
        )
        raise RuntimeError(f"{len(differences)} differences in the ledger")
    return "the ledger adds up"


@shared_task
def run_due_rules() -> str:
    """Run the automatic rules whose period has begun."""
    from .services import run_due_rules as run

    return f"{len(run())} rules run"
