"""Heads as an operator notes them down: ``<organization or deployment>:<number>:<hash>``."""

from portico.audit.sealing.chain import DEPLOYMENT, HASH_BYTES, Head
from portico.kernel.errors import BadInput
from portico.kernel.tokens import is_id

DEPLOYMENT_WORD = "deployment"


def write_head(head: Head) -> str:
    """A head as a text to note down."""
    return f"{head.organization_id or DEPLOYMENT_WORD}:{head.number}:{head.hash.hex()}"


def read_head(text: str) -> Head:
    """A head that was noted; raises BadInput for what is none."""
    chain, _, rest = text.strip().partition(":")
    number, _, digits = rest.partition(":")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    is_chain = chain == DEPLOYMENT_WORD or is_id(chain)
    if not is_chain or not number.isdecimal() or not number.isascii() or len(found) != HASH_BYTES:
        raise BadInput(f"{text} is no head: write <organization or {DEPLOYMENT_WORD}>:<number>:<hash>")
    return Head(organization_id=DEPLOYMENT if chain == DEPLOYMENT_WORD else chain, number=int(number), hash=found)
