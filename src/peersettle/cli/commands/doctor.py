"""`peersettle doctor`: what works here, and what to do about what does not."""

from __future__ import annotations

import typer

from peersettle.cli.invocation import invocation


def doctor(context: typer.Context) -> None:
    """Check Python, settings, keys, record, chain and contracts; exit 1 when something must be put right."""
    from peersettle.cli.diagnosis import diagnose

    run = invocation(context)
    with run.out.working("checking"):
        findings = diagnose(run)
    healthy = all(finding.state != "bad" for finding in findings)
    run.out.json(
        {
            "healthy": healthy,
            "checks": [
                {"check": f.check, "state": f.state, "found": f.found, "next_step": f.next_step} for f in findings
            ],
        }
    )
    marks = {"ok": "OK", "note": "note", "bad": "FAIL"}
    run.out.table(
        "",
        ("check", "", "found", "what to do"),
        [(f.check, marks[f.state], f.found, f.next_step) for f in findings],
    )
    if not healthy:
        raise typer.Exit(1)
