"""Every kind of event is either told to people in their words, or is known to say nothing to them."""

import pytest

from portico.audit.model import EventKind
from portico.kernel.messages import Catalogues
from portico.my_account.history import INTERNAL, WORDED
from tests.support.page_samples import LOCALE

CATALOGUES = Catalogues(LOCALE)


def test_every_kind_is_worded_or_internal() -> None:
    assert set(WORDED) | INTERNAL == set(EventKind), "give the new kind a line in my_account/history.py"
    assert not set(WORDED) & INTERNAL


@pytest.mark.parametrize("language", CATALOGUES.languages())
def test_every_sentence_is_there_and_needs_no_values(language: str) -> None:
    for code in WORDED.values():
        sentence = CATALOGUES.pattern(code, language)
        assert sentence not in {code, ""}
        assert sentence.endswith(".")
        assert "{" not in sentence, "the API has no values to fill in"
    assert len(set(WORDED.values())) == len(WORDED)
