"""What the product knows of the configuration of the existing solution: its keys, and what to write instead."""
