"""The command line: parse, call one operation, print.

Command modules import nothing but click when they are loaded; operations are imported by the command that runs. That keeps
``--version``, ``--help`` and the completion of words as fast as click itself. Results go to standard output, talk and errors to
standard error; the exit status is 0, 1 (the work failed) or 2 (the request was wrong).
"""
