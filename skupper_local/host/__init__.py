"""Facts about this machine: its names and addresses, its ports, its programs and processes. Nothing here decides anything.

Pure packages get these facts passed in; this is the only package that asks the machine for them.
"""
