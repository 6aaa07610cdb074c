"""The entry point of the Lambda function. It reads the settings once, at the cold start, which fails without them."""

import gc
import os
from pathlib import Path

from .entry_point import entry_point
from .settings import Settings, read_runtimes

lambda_handler = entry_point(Settings.from_environment(os.environ, read_runtimes(Path(__file__).parent)))
# Imported objects are never freed. Otherwise the garbage collector would scan them repeatedly while the first client is
# created, which takes a third of that time.
gc.freeze()
