"""Keys, CAs and certificates of a site: what is on disk and still fits is kept, the rest is made.

Pure but for the randomness of new keys: certificates on disk come in as bytes, the time is passed in, new files go out as
bytes. ``issue`` decides; ``certificates`` builds, checks and describes single certificates; ``keys`` reads and makes keys;
``credentials`` holds the value that all of them speak of (and, like ``errors``, does not load the cryptographic library).
"""
