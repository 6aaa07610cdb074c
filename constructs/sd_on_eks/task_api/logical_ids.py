"""Logical ids that programs outside of the stack find its resources by."""

from typing import Final

API_KEY: Final = "defaultAPIKey"
"""The deployment's own key. CloudFormation names it after this: `<6 letters of the stack>-defau-<random>`, as the user
documentation shows."""
