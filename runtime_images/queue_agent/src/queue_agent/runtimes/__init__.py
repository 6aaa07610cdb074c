"""Clients of the inference servers, with a common interface; `registry` has the client of each runtime type."""
