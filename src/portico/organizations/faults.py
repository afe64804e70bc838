"""Why something cannot be changed in an organization, each with a code and sentences of its own."""

from portico.kernel.errors import Conflict


class OrganizationSuspended(Conflict):
    """The organization is suspended: nothing can be changed in it, but by operators."""

    code = "organization_suspended"
