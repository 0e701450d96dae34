"""What a run is about to do, before it does anything: the request in full, the plan, its price, whom it will ask."""

from collections.abc import Iterable

from mig.offer import Offer
from mig.plan import Plan
from mig.spec import RunSpec


def markdown(spec: RunSpec, plan: Plan, offers: Iterable[Offer]) -> str:
    """A page of Markdown; the request can be copied from it, defaults and all, into a file for the shell."""
    asked = [f"{number}. {offer.rung}" for number, offer in enumerate(offers, start=1)]
    parts = (
        f"## {plan.run_id}: request and plan",
        f"**{plan.explanation[-1]}**",
        "\n".join(f"- {line}" for line in plan.explanation[:-1]),
        "Asked for, in this order, until one holds:",
        "\n".join(asked),
        "The request, with every default:",
        f"```json\n{spec.model_dump_json(indent=2)}\n```",
    )
    return "\n\n".join(parts)
