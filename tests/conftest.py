"""What every test needs: the Node.js of the virtual environment, before anything imports the CDK."""

from sd_on_eks.jsii_node import use_bundled_node

use_bundled_node()
