"""The decision: the one function that says what comes next. Read this first.

``next_step`` walks the ordered rules of ``signin/rules`` and returns the first step one of them gives; when none has
anything to ask, the attempt is finished. It is pure: the same facts always give the same step. Pages, JSON API,
desktop, refresh and reset all come through here, and nothing but a finished attempt opens a session.
"""

from portico.signin.attempt import Attempt, Purpose
from portico.signin.facts import Facts
from portico.signin.rules import RULES
from portico.signin.steps import Finished, Outcome, Refused, RefusedReason, Step

OUTCOMES: dict[Purpose, Outcome] = {
    Purpose.SIGN_IN: Outcome.OPEN_SESSION,
    Purpose.SIGN_UP: Outcome.OPEN_SESSION,
    Purpose.ACCEPT_INVITATION: Outcome.OPEN_SESSION,
    Purpose.STEP_UP: Outcome.ADD_PROOFS,
    Purpose.RENEW: Outcome.STAMP_POLICY,
    Purpose.RESET_PASSWORD: Outcome.NOTHING,
    Purpose.UPDATE_PASSWORD: Outcome.NOTHING,
}


def next_step(facts: Facts) -> Step:
    """The one next step for these facts.

    Where nobody can be asked anything (``demands.interaction`` is False) the result is Finished or Refused.
    """
    for rule in RULES:
        step = rule(facts)
        if step is not None:
            return _without_interaction(step) if not facts.attempt.demands.interaction else step
    return Finished(outcome=_outcome(facts.attempt))


def _outcome(attempt: Attempt) -> Outcome:
    """What a finished attempt brings about; whoever joins while signed in keeps the session."""
    return Outcome.STAMP_POLICY if attempt.goes_on_with_session else OUTCOMES[attempt.purpose]


def _without_interaction(step: Step) -> Step:
    """A refusal in place of a step that would ask the person something."""
    return step if isinstance(step, Refused | Finished) else Refused(reason=RefusedReason.INTERACTION_REQUIRED)
