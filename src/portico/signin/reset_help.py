"""What to do when no reset mail comes (S99): the safe next steps, the same for everybody.

Nothing here depends on who asks or whether they have an account. A provider's step is there only where the deployment
offers that provider, because whoever signed up with Google may have no password to reset.
"""

from collections.abc import Sequence

from portico.kernel.messages import Message, message


def help_steps(*, support_address: str, providers: Sequence[str] = ()) -> tuple[Message, ...]:
    """The steps in the order in which they help most often. ``providers`` are the names people know them by."""
    signed_up = [message("reset.no_mail.step.provider", providers=", ".join(providers))] if providers else []
    return (
        message("reset.no_mail.step.folders"),
        message("reset.no_mail.step.address"),
        message("reset.no_mail.step.wait"),
        message("reset.no_mail.step.again"),
        *signed_up,
        message("reset.no_mail.step.filter"),
        message("reset.no_mail.step.support", support=support_address),
    )
