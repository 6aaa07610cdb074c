"""How Lambda functions are made: the function itself, and the asset with its code."""
