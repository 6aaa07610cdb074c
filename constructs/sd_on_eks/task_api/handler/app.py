"""The Lambda function: its settings are read once, when it starts, and where they are incomplete it ends there."""

import gc
import os
from pathlib import Path

from .entry_point import entry_point
from .settings import Settings, read_runtimes

lambda_handler = entry_point(Settings.from_environment(os.environ, read_runtimes(Path(__file__).parent)))
# What was imported stays. Else it would be walked again and again while the first client is made, a third of that time.
gc.freeze()
