"""Platform ``linux``: the router is a process of this machine, kept alive by a small supervisor where there is no systemd."""
