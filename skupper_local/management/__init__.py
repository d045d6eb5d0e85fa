"""A router's management from the outside: ask it over AMQP, by the client credentials of its site.

``RouterManagement`` is a connection to one router, through which the other routers of its network can be asked too. It knows
nothing of namespaces: host, port and the directory of the credentials are given to it.
"""

from skupper_local.management.client import RouterManagement

__all__ = ["RouterManagement"]
