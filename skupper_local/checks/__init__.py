"""The doctor: small checks in groups, each with a stable code, a cause and a way out. They look and change nothing.

``model`` says what a check is given and what it answers; every other module is a group; ``run`` runs them side by side within a
bounded time. A check never raises: what it cannot find out it says, as its result.
"""
