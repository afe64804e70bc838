"""Why something cannot be changed in an organization, each with a code and sentences of its own."""

from portico.kernel.errors import BadInput, Conflict, NotAllowed


class NameTaken(Conflict):
    """Another organization has this name."""

    code = "organization_name_taken"


class OrganizationSuspended(Conflict):
    """The organization is suspended: nothing can be changed in it, but by operators."""

    code = "organization_suspended"


class LastOwner(Conflict):
    """Nobody else could act as its owner: name another one first."""

    code = "last_owner"


class OwnersOnly(NotAllowed):
    """Only owners make and unmake owners and admins, and change what these are."""

    code = "owners_only"


class NotManaged(NotAllowed):
    """Another organization manages this account, or none: only the membership is this organization's."""

    code = "not_managed"


class NotOnOneself(Conflict):
    """What admins do to others' accounts, people do to their own in My Account."""

    code = "not_on_oneself"


class NothingToDo(Conflict):
    """The account is so already, or has nothing of the kind."""

    code = "nothing_to_do"


class PublicDomain(BadInput):
    """Everybody gets addresses there, or registers domains below it: it can be no organization's own."""

    code = "public_domain"


class DomainTaken(Conflict):
    """Another organization has proven this domain."""

    code = "domain_taken"


class TooManyDomains(Conflict):
    """An organization claims as many domains as it may; one has to be released first."""

    code = "too_many_domains"
