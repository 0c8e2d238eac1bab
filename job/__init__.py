"""Training: ids become a trained network. May import data, and no other package."""

import time

STARTED = time.monotonic()  # of a program in this package: nothing is imported before it
