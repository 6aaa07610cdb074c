"""What every test needs before anything is imported: Node.js of the virtual environment, the handlers' names."""

import os

from sd_on_eks.jsii_node import use_bundled_node

use_bundled_node()
# Powertools reads these when a handler is imported; the deployed functions have them.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
