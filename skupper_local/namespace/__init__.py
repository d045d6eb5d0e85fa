"""The directory of one site: its layout, its lock, its transactions and its records.

Nothing else writes into a namespace directory, but for ``internal/run`` and ``internal/log``, which belong to the
supervisor. A command that changes a site goes through three steps::

    paths = NamespacePaths.of("west")
    with lock_namespace(paths, command="site create west") as held:      # waits, recovers, says who is in the way
        transaction = held.transaction()
        transaction.write(paths.input_resources / "Site-west.yaml", text.encode())
        transaction.commit()                                             # all of it or nothing

``paths``: where everything is. ``lock``: one command at a time. ``transaction``: all or nothing, also after ``kill -9``;
``plan``: what it will do.
``records``: the small files in ``internal/``. ``resource_files``: declarations and credentials as they lie on disk.
``filesystem``: the file-system calls themselves, private from creation, and their failures in words.
"""
