"""The Lambda function: its settings are read once, when it starts, and an incomplete environment ends it there."""

import gc
import os

from .entry_point import entry_point
from .settings import Settings

lambda_handler = entry_point(Settings.from_environment(os.environ))
# What was imported stays. Else it would be walked again and again while the first client is made, a third of that time.
gc.freeze()
