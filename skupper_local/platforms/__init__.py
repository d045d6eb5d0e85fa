"""What runs a site's router: ``podman``, ``docker`` and ``linux``. ``face`` is what operations see of any of them."""
