"""Why something cannot be changed in an organization, each with a code and sentences of its own."""

from portico.kernel.errors import Conflict, NotAllowed


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


class NoSecondFactor(Conflict):
    """There is no second factor in this deployment that anybody could enrol."""

    code = "no_second_factor"
