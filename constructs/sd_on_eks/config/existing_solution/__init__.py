"""The configuration keys of the existing solution, and their replacements in this product."""
