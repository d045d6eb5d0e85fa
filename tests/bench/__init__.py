"""Figures of two linked routers beside a yardstick in the same run: ``python -m tests.bench``.

The yardstick is direct TCP, and ``skrouterd`` with the same configuration when SKROUTERD names one or it is in PATH. All
contestants stay up during the whole run and are measured in turn, several rounds of each measurement; what is printed is the
median. What each command takes in a namespace of 1,000 listeners and connectors is measured beside one of 100. Absolute numbers
depend on the machine and on what else it does; the ratios are what counts.
"""
