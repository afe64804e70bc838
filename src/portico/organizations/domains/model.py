"""What a claimed domain is, and which domains nobody can claim. Pure."""

from datetime import datetime

import msgspec

RECORD_NAME = "_portico-challenge"
"""Below which name of the domain the record is looked for."""
RECORD_VALUE = "portico-domain={challenge}"
"""What one of the name's TXT records has to say."""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A domain an organization says is its own; proven once ``verified_at`` is set, and then nobody else's.

    ``domain`` is written as A-labels (RFC 5890), as the domains in addresses' comparison keys are.
    """

    organization_id: str
    domain: str
    challenge: str
    claimed_at: datetime
    verified_at: datetime | None = None

    @property
    def record_name(self) -> str:
        """The name of the record that proves it."""
        return f"{RECORD_NAME}.{self.domain}"

    @property
    def record_value(self) -> str:
        """What the record has to say."""
        return RECORD_VALUE.format(challenge=self.challenge)


def is_public(domain: str) -> bool:
    """Whether a domain is one where everybody gets addresses, or below which everybody registers domains.

    The list is short on purpose: it keeps honest people from a mistake. What is not on it still has to be proven by a
    record that only the domain's holder can set.
    """
    return domain in _MAIL_FOR_EVERYBODY or domain in _SUFFIXES


_MAIL_FOR_EVERYBODY = frozenset(
    "126.com 163.com aol.com arcor.de att.net bk.ru bluewin.ch btinternet.com comcast.net fastmail.com free.fr "
    "freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk hotmail.com "
    "hotmail.de hotmail.fr icloud.com inbox.ru laposte.net libero.it list.ru live.com live.de mac.com mail.com "
    "mail.de mail.ru mailbox.org me.com msn.com naver.com online.de orange.fr outlook.com outlook.de pm.me "
    "posteo.de proton.me protonmail.com qq.com rediffmail.com rocketmail.com seznam.cz sina.com sky.com t-online.de "
    "tuta.com tutanota.com verizon.net wanadoo.fr web.de yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de "
    "yahoo.fr yandex.com yandex.ru ymail.com zoho.com".split()
)
_SUFFIXES = frozenset(
    "ac.at ac.jp ac.nz ac.uk ac.za asn.au co.at co.il co.in co.jp co.kr co.nz co.uk co.za com.ar com.au com.br com.cn "
    "com.hk com.mx com.pl com.sg com.tr com.tw com.ua edu.au edu.cn github.io gob.mx gouv.fr gov.au gov.br gov.cn "
    "gov.in gov.uk gv.at herokuapp.com ltd.uk me.uk ne.jp net.au net.br net.cn net.nz net.uk nhs.uk nom.br or.at "
    "or.jp or.kr org.au org.br org.cn org.il org.in org.nz org.uk org.za pages.dev plc.uk police.uk sch.uk web.app "
    "workers.dev".split()
)
