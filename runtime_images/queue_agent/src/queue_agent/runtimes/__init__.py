"""The two inference servers, behind one protocol."""
