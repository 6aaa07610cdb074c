"""The inference servers, behind one protocol: `registry` has the client of each type."""
